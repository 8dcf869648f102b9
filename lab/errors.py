"""The one exception whose message is meant for the user: what is wrong, and what to do about it."""


class LabError(ValueError):
    """Bad input or a broken file. Faces show the message alone, never a traceback."""
