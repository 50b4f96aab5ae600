"""What can be wrong with what people hand to the support desk."""

from agents import PermanentError


class SupportError(PermanentError):
    """The root: every message names the place and says what to do next.

    Raised inside an agent it counts as permanent: trying again would find the same files.
    """


class DataError(SupportError):
    """A data file can't be used; names the file and the field."""


class ModelMissing(SupportError):
    """A classifier was never trained; names the command that does it."""
