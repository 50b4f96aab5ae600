"""An edit says what it approves: nothing given is not null given."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from escalation.errors import ResolutionInvalid
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration.domain.states import ResolutionKind
from tests.integration.escalation.buttons import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def claimed(ticket: Ticket, anna: User) -> Ticket:
    return claim_ticket(ticket.pk, anna)


def _post(person: User, ticket: Ticket, **more: Any) -> Any:
    body = {"resolution": "edit", "claim_number": 1, "seen_digest": ticket.seen_digest} | more
    address = f"/api/v1/tickets/{ticket.pk}/resolve"
    return sign_in(person).post(address, json.dumps(body), content_type="application/json")


def test_an_edit_without_an_output_is_refused(claimed: Ticket, anna: User) -> None:
    answer = _post(anna, claimed)
    with pytest.raises(ResolutionInvalid, match="output: give what shall be approved"):
        resolve_ticket(claimed.pk, anna, ResolutionKind.EDIT, claim_number=1, seen_digest=None)

    claimed.refresh_from_db()
    assert (answer.status_code, answer.json()["code"]) == (400, "resolution_invalid")
    assert "output: give what shall be approved" in answer.json()["detail"]
    assert claimed.is_open


def test_null_is_approved_where_it_is_meant(claimed: Ticket, anna: User) -> None:
    answer = _post(anna, claimed, output=None)

    claimed.refresh_from_db()
    assert (answer.status_code, claimed.resolution_output_json) == (200, "null")


def test_other_decisions_may_send_null_for_nothing(claimed: Ticket, anna: User) -> None:
    assert _post(anna, claimed, resolution="approve", output=None).status_code == 200
