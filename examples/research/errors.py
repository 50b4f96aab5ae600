"""What can be wrong with what people hand to the research desk."""

from agents import PermanentError


class ResearchError(PermanentError):
    """The root: every message names the place and says what to do next."""


class LibraryError(ResearchError):
    """A file of the library can't be used; names the file and the field."""


class HandoffUnreadable(ResearchError):
    """A hand-off is not what the step before should have given, for instance because it had to be summarised."""
