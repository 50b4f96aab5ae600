"""Counting the votes of several people who decide a ticket, each on their own. Pure; read next: `escrow/votes.py`."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from escalation.domain.resolution import Choice
from orchestration.domain.states import ResolutionKind


class Standing(StrEnum):
    """How a vote stands."""

    OPEN = "open"
    DECIDED = "decided"
    SPLIT = "split"  # nothing can be decided any more


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a vote says; votes that are equal in it agree. Attributes: digest: of what would take effect."""

    kind: ResolutionKind
    digest: str


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many people decide a ticket. Attributes: needs_lead: too few could, so that a lead decides alone."""

    seats: int = 1
    votes_needed: int = 1
    needs_lead: bool = False


ALONE: Final = Quorum()
"""One person decides."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How a vote stands, and what it decided."""

    standing: Standing
    winner: Ballot | None = None


def count_votes(ballots: Sequence[Ballot], needed: int, left: int) -> Tally:
    """Count the votes that were cast, in the order in which they were.

    Args: needed: how many must agree.  left: how many votes can still come: free seats that have people for them.
    """
    counts: Counter[Ballot] = Counter()
    for ballot in ballots:
        counts[ballot] += 1
        if counts[ballot] >= needed:
            return Tally(Standing.DECIDED, ballot)
    most = max(counts.values(), default=0)
    return Tally(Standing.OPEN if most + left >= needed else Standing.SPLIT)


def fill_ballot(choice: Choice, proposed_json: str | None) -> Ballot:
    """Return what somebody's choice says as a vote.

    What a kind puts out is compared, byte by byte; where it puts out nothing, to whom or how far it reaches. What
    people write about it may differ.

    Args: proposed_json: canonical JSON of what is judged, for a kind that takes it.
    """
    output = proposed_json if choice.output_json is None else choice.output_json
    reach = json.dumps([choice.agent, choice.scope or ""])
    return Ballot(choice.kind, sha256((reach if output is None else output).encode()).hexdigest())


def join_words(texts: Sequence[str]) -> str:
    """Return what several people wrote as one text, without repeating what is the same."""
    return "\n\n".join(dict.fromkeys(text for text in texts if text))
