"""The one exception that means: the user can fix this."""


class Problem(Exception):
    """Something outside the code is wrong: says in one line what, where, and what to do."""
