"""One decision reads its held step once, under the lock, and what it read travels to the write."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents.domain import canonical
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration.domain.states import ResolutionKind
from orchestration.models import Step
from tests.integration.escalation.desk import EDITED, hold
from tests.statements import record_statements

pytestmark = pytest.mark.django_db
_GOING_ON = (ResolutionKind.APPROVE, ResolutionKind.EDIT, ResolutionKind.SEND_BACK, ResolutionKind.SKIP)
_GIVEN: dict[ResolutionKind, dict[str, Any]] = {
    ResolutionKind.EDIT: {"output": EDITED},
    ResolutionKind.SEND_BACK: {"feedback": "be brief"},
}


def _decide(ticket: Ticket, anna: User, kind: ResolutionKind) -> list[str]:
    with record_statements() as sent:
        resolve_ticket(
            ticket.pk, anna, kind, claim_number=1, seen_digest=ticket.seen_digest, **_GIVEN.get(kind, {})
        )
    return sent


@pytest.fixture
def claimed(anna: User) -> Ticket:
    (ticket,) = hold()
    return claim_ticket(ticket.pk, anna)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        # Look, lock run, step and ticket, the clock; close; the audit; what the receipt names, thrice; settle.
        (ResolutionKind.APPROVE, 12),
        (ResolutionKind.EDIT, 12),
        (ResolutionKind.SKIP, 12),
        (ResolutionKind.SEND_BACK, 9),
    ],
)
def test_a_decision_takes_so_many_statements(
    claimed: Ticket, anna: User, kind: ResolutionKind, count: int
) -> None:
    sent = _decide(claimed, anna, kind)

    assert len(sent) == count, "\n".join(sent)


# What ends the run seals it, for which all its steps are read; nobody is there to be handed the step.
@pytest.mark.parametrize("kind", _GOING_ON)
def test_the_held_step_is_read_once(claimed: Ticket, anna: User, kind: ResolutionKind) -> None:
    first, again = _decide(claimed, anna, kind), _decide(claimed, anna, kind)

    reads = [
        statement
        for statement in first
        if "FROM orchestration_step s" in statement and "proposed" in statement
    ]
    assert ["FOR NO KEY UPDATE OF s" in read for read in reads] == [True]
    assert [statement for statement in again if "orchestration_step" in statement] == []


def test_an_edited_output_is_written_as_text_once(
    claimed: Ticket, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    real = canonical._encode

    def encode(value: Any) -> str:
        written.append(value)
        return real(value)

    monkeypatch.setattr(canonical, "_encode", encode)
    _decide(claimed, anna, ResolutionKind.EDIT)

    assert written.count(EDITED) == 1
    assert json.loads(Step.objects.get(pk=claimed.step_id).output_json or "") == EDITED
