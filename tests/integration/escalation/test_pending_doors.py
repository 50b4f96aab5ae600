"""A decision that waits, as the console, the API and the commands show it and take it back."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import PendingResolution, ReviewQueue, Ticket
from orchestration.domain.states import ResolutionKind
from tests.integration.escalation.buttons import page_of, press, sign_in, text_of
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(ticket: Ticket, anna: User) -> Ticket:
    ReviewQueue.objects.update(grace_seconds=90)
    return claim_ticket(ticket.pk, anna)


def _decide(ticket: Ticket, person: User) -> None:
    resolve_ticket(ticket.pk, person, ResolutionKind.APPROVE, claim_number=1, seen_digest=None)


def test_the_console_says_when_it_takes_effect_and_takes_it_back(held: Ticket, anna: User) -> None:
    browser = sign_in(anna)
    answer = press(browser, held, "resolve", resolution="approve")
    said = text_of(browser.get(answer.url))
    assert f"Ticket {held.pk} is decided (approve); that takes effect in 1 min 30 s" in said

    page = text_of(browser.get(page_of(held)))
    assert "Take back" in page
    assert "Approve as proposed" not in page
    assert f"/{held.pk}/take-back/" in page

    back = press(browser, held, "take_back")
    assert back.url == page_of(held)
    page = text_of(browser.get(back.url))
    assert "The decision is taken back" in page
    assert "Approve as proposed" in page


def test_a_colleague_sees_it_without_the_button_and_a_lead_with_it(
    held: Ticket, anna: User, ben: User
) -> None:
    _decide(held, anna)
    page = text_of(sign_in(ben).get(page_of(held)))
    assert "<b>anna</b> decided" in page
    assert "Take back" not in page
    refused = press(sign_in(ben), held, "take_back")
    assert refused.status_code == 403
    assert PendingResolution.objects.exists()

    lead = sign_in(make_member("lea", "admin"))
    assert "Take back" in text_of(lead.get(page_of(held)))
    assert press(lead, held, "take_back").status_code == 302
    assert not PendingResolution.objects.exists()


def _post(browser: Client, ticket: Ticket, what: str, **body: Any) -> Any:
    return browser.post(f"/api/v1/tickets/{ticket.pk}/{what}", json.dumps(body), "application/json")


def test_the_interface_tells_it_and_takes_it_back(held: Ticket, anna: User, ben: User) -> None:
    browser = sign_in(anna)
    body = {"resolution": "approve", "claim_number": 1, "seen_digest": held.seen_digest}
    made = _post(browser, held, "resolve", **body).json()
    assert (made["status"], made["resolution"], made["pending"]["resolution"]) == ("open", None, "approve")
    assert _post(browser, held, "resolve", **body).json()["pending"] == made["pending"]
    other = _post(browser, held, "resolve", **(body | {"resolution": "skip"}))
    assert (other.status_code, other.json()["code"]) == (409, "decision_pending")

    not_theirs = _post(sign_in(ben), held, "take-back")
    assert (not_theirs.status_code, not_theirs.json()["code"]) == (403, "not_your_decision")
    back = _post(browser, held, "take-back")
    assert (back.status_code, back.json()["pending"], back.json()["claimed_by"]) == (200, None, "anna")
    again = _post(browser, held, "take-back")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_pending")


def _run(*call: str) -> str:
    said = StringIO()
    call_command(*call, stdout=said)
    return said.getvalue()


def test_the_commands_say_so_and_take_it_back(held: Ticket, anna: User, ben: User) -> None:
    number = str(held.pk)
    decide = ("resolve_ticket", number, "--as", "anna", "--resolution", "approve")
    said = _run(*decide)
    assert f"Ticket {number} is decided: approve by anna. It takes effect at" in said
    assert f"manage.py take_back_resolution {number} --as anna" in said
    assert _run(*decide) == said, "the same decision gets the same answer"

    with pytest.raises(CommandError, match="anna decided ticket"):
        _run("take_back_resolution", number, "--as", "ben")
    assert "is claimed by anna (claim 1)" in _run("take_back_resolution", number, "--as", "anna")
    with pytest.raises(CommandError, match="Nothing waits to take effect"):
        _run("take_back_resolution", number, "--as", "anna", "--json")
