"""What orchestration asks of the rooms above it, bound by dotted path in settings.

`Escalator` opens a ticket in the transaction that holds the step, and says which tickets steps have; `MaintenanceDuty`
is what the maintainer also runs each sweep, a `MaintenanceCompanion` what it runs beside its sweeps, `FindHoldBacks`
says which agents wait for people, and a `Look` is what `manage.py health` and probes also ask. Nothing here may import
a room above, nor ask its tables or follow its keys backwards. Read next: `escalation/escrow/escalator.py`.
"""

import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from django.utils.module_loading import import_string

from orchestration.domain.holds import HoldSubject


@dataclass(frozen=True, slots=True)
class Hold:
    """A step that waits for a person, as the ticket needs to know it.

    Attributes: subject: what the person is asked about.
        seen_json: canonical JSON of what the person is to judge: the proposed output, or null.
        has_proposal: False when the step has nothing that could be approved.
        rule: the policy rule that escalated.  reason: in words, for the reviewer.
        input_json: what the run was given.  title: CEL over input and proposal, from the spec; "" if it has none.
    """

    project_id: int
    run_id: uuid.UUID
    step_id: int
    step_key: str
    workflow_name: str
    sla: str
    agent: str
    attempt: int
    subject: HoldSubject
    rule: str
    reason: str
    seen_json: str
    has_proposal: bool
    confidence: float | None = None
    input_json: str = "{}"
    title: str = ""


@dataclass(frozen=True, slots=True)
class TicketRef:
    """A step's ticket, as pages of the engine link to it; the room above knows the rest.

    Attributes: is_open: it waits for a decision.  url: of its page; "" when there is none.
        late_at: when it came, it was foreseen that it would not be decided by then; None: in time, or nothing foreseen.
    """

    number: int
    is_open: bool
    url: str
    late_at: datetime | None = None


class Escalator(Protocol):
    """Opens, withdraws and finds tickets. What writes is called in the step's own transaction, and must not commit."""

    def plan_ticket(self, hold: Hold) -> object:
        """Work out, before the step's transaction begins, what can be: `open_ticket` is handed what this returns."""

    def open_ticket(self, hold: Hold, plan: object | None = None) -> int:
        """Open the step's ticket and return its id. Without a plan, because planning failed, in the plainest way."""

    def withdraw_tickets(self, step_ids: list[int], reason: str) -> None:
        """Close the open tickets of steps that no longer wait, e.g. because their run was aborted."""

    def find_tickets(self, step_ids: Collection[int]) -> dict[int, TicketRef]:
        """Return the newest ticket of each of these steps that has had one, by the step's id."""

    def hides_anything(self, user_id: int | None) -> bool:
        """Return whether any step hides from somebody what it put out."""

    def find_hidden(self, step_ids: Collection[int], user_id: int | None) -> frozenset[int]:
        """Return which of these steps hide from somebody what they proposed and put out."""

    def find_hidden_runs(self, run_ids: Collection[UUID], user_id: int | None) -> frozenset[UUID]:
        """Return which of these runs have a step that hides from somebody what it put out."""

    def find_handed_hidden(
        self, given: Sequence[tuple[UUID, int | None]], user_id: int | None
    ) -> frozenset[int]:
        """Return the places in `given` of what came from a step that hides it from somebody.

        Args: given: a run, for its input; a run and a step of it, for the item that the step is about.
        """

    def note_seen(self, shown: Mapping[int, Collection[str]], user_id: int | None) -> frozenset[int]:
        """Tell that somebody is about to be shown what steps proposed; return those of which that can't be told.

        Args: shown: by step, the SHA-256 digests of what is shown; what no ticket asked about is not told.
            user_id: None at a shell, for the system's user.
        """


MaintenanceDuty = Callable[[], None]
"""One sweep of a duty: short, safe to run twice, no arguments."""

MaintenanceCompanion = Callable[[threading.Event], None]
"""Works in a thread of its own as long as its maintainer leads, until the event is set; may wait for others."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How something does that work can go on without.  said: without secrets; what to do if it is not well."""

    is_well: bool
    said: str


Look = Callable[[], Condition]
"""Says how something does: quick, reads only."""


@lru_cache(maxsize=8)
def load_escalator(path: str) -> Escalator:
    """Return the escalator at a dotted path, `RINGMASTER["ESCALATOR"]`."""
    escalator: Escalator = import_string(path)()
    return escalator


@dataclass(frozen=True, slots=True)
class HoldBack:
    """An agent whose steps wait, in one project, since people can't keep up with what it makes for them.

    Attributes: source: which queue of people, within the project.  reason: in words, for whoever sees the step wait.
    """

    project_id: int
    agent: str
    source: str
    reason: str


FindHoldBacks = Callable[[], Collection[HoldBack]]
"""Says which agents are held back at the moment; asked with each sweep: quick, reads only."""


def load_hold_backs(path: str) -> FindHoldBacks:
    """Return what is at a dotted path, `RINGMASTER["HOLD_BACKS"]`; without one nobody is held back."""
    found: FindHoldBacks = import_string(path) if path else tuple
    return found


def load_duties(paths: Iterable[str]) -> list[MaintenanceDuty]:
    """Return the duties at dotted paths, `RINGMASTER["MAINTENANCE_DUTIES"]`."""
    return [import_string(path) for path in paths]


def load_companions(paths: Iterable[str]) -> list[MaintenanceCompanion]:
    """Return the companions at dotted paths, `RINGMASTER["MAINTENANCE_COMPANIONS"]`."""
    return [import_string(path) for path in paths]


def load_looks(paths: Mapping[str, str]) -> dict[str, Look]:
    """Return by name what else is looked at, `RINGMASTER["LOOKS"]`: a name -> a dotted path."""
    return {name: import_string(path) for name, path in paths.items()}
