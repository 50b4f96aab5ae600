"""What the inbox is asked for: filters that combine, and a place to go on from. Pure.

The address holds all of it, so that a view can be kept, sent to a colleague and gone back to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode

from orchestration.domain.moments import read_moment

_MOST_CHARACTERS: Final = 200
_LARGEST: Final = 2**63 - 1


class InboxState(StrEnum):
    """The views that the inbox comes with."""

    OPEN = "open"
    MINE = "mine"
    FREE = "free"
    BREACHING = "breaching"
    SNOOZED = "snoozed"
    CLAIMED = "claimed"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"
    ALL = "all"


STATE_WORDS: Final[dict[InboxState, str]] = {
    InboxState.OPEN: "Open",
    InboxState.MINE: "Mine",
    InboxState.FREE: "Unclaimed",
    InboxState.BREACHING: "Breaching",
    InboxState.SNOOZED: "Snoozed",
    InboxState.CLAIMED: "Claimed",
    InboxState.RESOLVED: "Decided",
    InboxState.WITHDRAWN: "Withdrawn",
    InboxState.ALL: "All",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Behind this row: its time in the order of the list (None where numbers alone order it), and its number."""

    at: datetime | None
    number: int

    def __str__(self) -> str:
        """Return it as an address holds it."""
        return f"{self.at.isoformat() if self.at else ''}~{self.number}"


@dataclass(frozen=True, slots=True)
class InboxQuery:
    """Which tickets are asked for.

    Attributes: search: over what was asked and proposed.  queue: its number, as text.
        after: go on behind this place.
    """

    state: InboxState = InboxState.OPEN
    search: str = ""
    queue: str = ""
    workflow: str = ""
    agent: str = ""
    rule: str = ""
    tag: str = ""
    sla: str = ""
    after: Place | None = None

    @property
    def narrowed(self) -> dict[str, str]:
        """Return the filters in use, but for the state, by name."""
        return {name: text for name in FILTERS if (text := getattr(self, name))}

    @property
    def is_plain(self) -> bool:
        """Tell whether it shows all that is open."""
        return self.state is InboxState.OPEN and not self.narrowed

    def write(self, **changed: Any) -> str:
        """Return the query of an address, from the first row on, with some of it changed."""
        new = replace(self, **{"after": None, **changed})
        named = {_NAMES.get(name, name): text for name, text in new.narrowed.items()}
        state = {} if new.state is InboxState.OPEN else {"state": new.state.value}
        place = {"after": str(new.after)} if new.after else {}
        return urlencode({**state, **named, **place})


FILTERS: Final = tuple(field.name for field in fields(InboxQuery) if field.name not in {"state", "after"})
_NAMES: Final = {"search": "q"}


def read_query(asked: Mapping[str, str]) -> InboxQuery:
    """Return what an address asks for.

    What is no state and no place asks for the first rows of what is open: links grow old.
    """
    texts = {name: _clean(asked.get(_NAMES.get(name, name), "")) for name in FILTERS}
    if not is_number(texts["queue"]):
        texts["queue"] = ""
    return InboxQuery(
        state=_read_state(asked.get("state", "")), after=_read_place(asked.get("after", "")), **texts
    )


def is_number(text: str) -> bool:
    """Tell whether a text is the number of a row."""
    return text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST


def _clean(text: str) -> str:
    """Return a filter's text: PostgreSQL holds no NUL, and no name is longer."""
    return text.replace("\x00", " ").strip()[:_MOST_CHARACTERS]


def _read_state(text: str) -> InboxState:
    try:
        return InboxState(text)
    except ValueError:
        return InboxState.OPEN


def _read_place(text: str) -> Place | None:
    at, tilde, number = text.rpartition("~")
    if not tilde or not is_number(number):
        return None
    moment = read_moment(at)
    return None if at and moment is None else Place(moment, int(number))
