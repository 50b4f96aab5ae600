"""States of a journaled call and of its tries, and what a receipt commits to of them. Pure."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, TypeAlias
from uuid import UUID

from agents.domain.calls import CallKind
from orchestration.domain.receipts import Digest, digest_lines, digest_text


class CallState(StrEnum):
    """Where a call stands. `begun`: a later attempt makes it again.  `open`: it waits, and nobody makes it."""

    BEGUN = "begun"
    OPEN = "open"
    DONE = "done"


class TryState(StrEnum):
    """How one time that a call was made ended.

    `lost`: nobody can tell, or nobody may any more.  `withdrawn`: something within it waits, and it was left for that.
    """

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    WITHDRAWN = "withdrawn"


class OpenWait(NamedTuple):
    """Something that a step waits for. `request_json`: what was asked, canonical JSON."""

    path: str
    kind: CallKind
    name: str
    request_json: str


class SignalName(NamedTuple):
    """Signals of one name to one run."""

    run_id: UUID
    name: str


class CallLine(NamedTuple):
    """One call that was done, as a receipt commits to it."""

    path: str
    name: str
    request_digest: str
    response_digest: str


CallsMade: TypeAlias = dict[str, int | str]
"""What a receipt says of the done calls of a step: `journal`, its number, and `digest`."""


def digest_calls(journal: int, lines: Iterable[CallLine], digest: Digest = digest_text) -> CallsMade | None:
    """Return what a receipt says of calls; None where none was done."""
    listed = list(lines)
    return {"journal": journal, "digest": digest_lines(listed, digest)} if listed else None
