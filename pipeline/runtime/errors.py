"""The exception for errors that the user can fix."""


class Problem(Exception):
    """User-fixable error: one line that says what is wrong, where, and what to do."""
