"""Who is asked for a second factor at sign-in."""

from enum import StrEnum


class TwoFactor(StrEnum):
    """Whom the console asks for a code beside the password."""

    OFF = "off"
    DECIDERS = "deciders"
    ALL = "all"
