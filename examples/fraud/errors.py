"""What can be wrong with what people hand to the fraud desk."""

from agents import PermanentError


class FraudError(PermanentError):
    """The root: every message names the place and says what to do next."""


class BooksError(FraudError):
    """A file of the books can't be used; names the file, the line and the field."""
