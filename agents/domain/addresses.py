"""Addresses of actors: `support.case/4711` is the key `4711` of what behaves as `support.case`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from agents.errors import MessageRefused

MOST_NAME: Final = 100
MOST_KEY: Final = 200
_PATH_SIGNS: Final = re.compile(r"[#\[\]]")
_MOST_PLACE: Final = 90
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a message is for. `name`: of a behaviour, as agents are named.  `key`: which of those that have it."""

    name: str
    key: str

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.name}/{self.key}"


def is_actor_name(name: object) -> bool:
    """Return whether something may name a behaviour: dotted lower-case identifiers, at most 100 characters."""
    return isinstance(name, str) and len(name) <= MOST_NAME and _NAME.fullmatch(name) is not None


def is_key(key: object) -> bool:
    """Return whether something may be the key of an address."""
    return (
        isinstance(key, str)
        and 0 < len(key) <= MOST_KEY
        and key.isprintable()
        and key == key.strip()
        and "/" not in key
    )


def name_place(address: Address) -> str:
    """Return what stands for an address's key in the path of a call, which has signs of its own and is bounded."""
    key = address.key
    if len(key) <= _MOST_PLACE and not _PATH_SIGNS.search(key):
        return key
    return f"{_PATH_SIGNS.sub('_', key)[:_MOST_PLACE]}~{sha256(key.encode()).hexdigest()[:8]}"


def read_address(text: object) -> Address:
    """Return an address from its text.

    Raises: MessageRefused: it is none; says what one looks like.
    """
    name, slash, key = text.partition("/") if isinstance(text, str) else ("", "", "")
    if not slash or not is_actor_name(name) or not is_key(key):
        raise MessageRefused(
            f"to: {text!r:.120} is no address; write 'name/key' as in 'support.case/4711': a name of dotted lower-case "
            f"identifiers, and a key of 1 to {MOST_KEY} printable characters without '/'"
        )
    return Address(name, key)
