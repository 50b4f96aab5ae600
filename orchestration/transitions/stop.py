"""One run is ended while something in it is open: cancelled, or as a success; nothing in it is undone.

Open steps are cancelled, with their attempts and tickets, and the round is sealed. No claim commits after it: a body in
flight sees `task.cancelled`, and its write is refused by its token.
"""

from uuid import UUID

from django.db import transaction

from orchestration.database.statements import fetch_one
from orchestration.domain.signing import Signer
from orchestration.domain.states import LIVE_RUN, RunStatus
from orchestration.domain.work import EarlyEnd
from orchestration.history import EventKind, insert_event
from orchestration.transitions.reset import cancel_open_steps
from orchestration.transitions.seal import close_run

_LOCK = "SELECT status FROM orchestration_run WHERE id = %(run)s FOR NO KEY UPDATE"
_SAID = "(SELECT %(run)s::uuid AS id) said"
_TELL = insert_event("%(kind)s", source=_SAID, data="%(event)s::text", of_run=True) + " RETURNING id"


def tell_run(run_id: UUID, kind: EventKind, event_json: str) -> None:
    """Add a line about a run to its history."""
    fetch_one(_TELL, {"run": run_id, "kind": kind, "event": event_json})


def cancel_run(run_id: UUID, reason: str, signer: Signer, *, event_json: str) -> bool:
    """Cancel one live run: its open steps, their attempts and tickets; the round is sealed.

    No claim commits after it. A body in flight sees `task.cancelled`, and its write is refused by its token.

    Returns: False when it was final already.
    """
    with transaction.atomic():
        if fetch_one(_LOCK, {"run": run_id}).status not in LIVE_RUN:
            return False
        tell_run(run_id, EventKind.RUN_CANCELLED, event_json)
        cancel_open_steps(run_id, reason)
        return close_run(run_id, RunStatus.CANCELLED, signer, reason)


def finish_run(run_id: UUID, early: EarlyEnd, signer: Signer, *, event_json: str) -> bool:
    """End one run as a success although something in it is open; its round is sealed, and nothing is undone.

    Its open steps are cancelled, with their attempts and tickets, as an order to cancel does.

    Returns: False when it has ended already, or undoes what it did.
    """
    with transaction.atomic():
        if fetch_one(_LOCK, {"run": run_id}).status not in (RunStatus.RUNNING, RunStatus.PAUSED):
            return False
        tell_run(run_id, EventKind.RUN_ENDED_EARLY, event_json)
        cancel_open_steps(run_id, early.reason)
        return close_run(run_id, RunStatus.SUCCEEDED, signer, early.reason, early=early)
