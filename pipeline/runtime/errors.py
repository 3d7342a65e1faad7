"""The exception for errors that the user can fix."""

LONGEST = 1000  # characters of a message


class Problem(Exception):
    """User-fixable error: one line that says what is wrong, where, and what to do.

    The message may quote names and values of the user's files: it is made printable.
    """

    def __init__(self, message: str) -> None:
        """Set the message."""
        super().__init__(printable(message))


def printable(text: str) -> str:
    r"""Return a text as one line of printable characters, others as escapes.

    Of a text of more than 1,000 characters, the first 750 and the last 250 are kept. A terminal
    executes control characters: they could hide or rewrite what it shows.

    >>> printable("a\x1b[31mb\n")
    'a\\x1b[31mb\\n'
    """
    start, end = text[: LONGEST * 3 // 4], text[-LONGEST // 4 :]
    shown = text if len(text) <= LONGEST else f"{start} ... {end}"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in shown
    )
