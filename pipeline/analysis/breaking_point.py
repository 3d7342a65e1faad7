"""placeholder until merged"""


def fit(zeros, errors, *, region):
    raise NotImplementedError
