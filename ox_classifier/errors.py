"""What ox says when it can't go on: each class of error carries the exit code it ends with.

A message is one sentence: what was given, what was expected, how to fix it.
"""


class OxError(Exception):
    """The work itself failed (exit code 1)."""

    exit_code = 1


class GoneError(OxError):
    """Something that the work stands on went away; once it is back, the work can go on (exit code 1)."""


class DivergedError(OxError):
    """The loss stopped being a number, which training on can't mend (exit code 1)."""


class UsageError(OxError):
    """An option, a folder, a file or a run is not what the command needs (exit code 2)."""

    exit_code = 2


class UsageValueError(UsageError, ValueError):
    """A setting out of its range, for callers who expect Python's own error (exit code 2)."""


class MissingFileError(UsageError, FileNotFoundError):
    """A file or folder that isn't there, for callers who expect Python's own error (exit code 2)."""


class GateError(OxError):
    """The work finished, but a check that the user asked for failed (exit code 3)."""

    exit_code = 3
