"""Display names of arms."""


def label(activation: str, initialization: str) -> str:
    """Return an arm as people read it.

    >>> label("tanh", "pretrained")
    'tanh, pre-trained'
    """
    return f"{activation}, {initialization.replace('pretrained', 'pre-trained')}"
