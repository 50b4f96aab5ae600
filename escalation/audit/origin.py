"""Through which door the present caller came, for whoever writes the audit further in."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from escalation.domain.acts import Door


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a caller came from.

    Attributes: address: of the network; of a command, the system's user.
    """

    door: Door
    address: str = ""


_ENGINE: Final = Origin(Door.ENGINE)
_ORIGIN: ContextVar[Origin] = ContextVar("origin", default=_ENGINE)


def current_origin() -> Origin:
    """Return where the present caller came from; who came through no door is the engine."""
    return _ORIGIN.get()


@contextmanager
def enter(door: Door, address: str = "") -> Iterator[None]:
    """Say where the caller of what happens inside came from."""
    token = _ORIGIN.set(Origin(door, address[:60]))
    try:
        yield
    finally:
        _ORIGIN.reset(token)


def find_system_user() -> str:
    """Return the name of the account that the process belongs to; its number when it has no name.

    Asked of the system, not of the environment, which whoever calls may set.
    """
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
