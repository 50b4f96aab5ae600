"""A decision that waits, as the console, the API and the commands show it and take it back."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from escalation.domain.inbox import InboxQuery, InboxState
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import PendingResolution, ReviewQueue, Ticket, read_clock
from escalation.selectors import list_alike
from escalation.selectors.inbox import count_inbox, list_inbox
from escalation.selectors.people import count_loads
from orchestration.domain.states import ResolutionKind
from orchestration.selectors.scope import call_as
from tests.integration.escalation.buttons import LIST, button_of, page_of, press, sign_in, text_of
from tests.integration.escalation.desk import hold
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


def test_the_inbox_and_the_lists_say_that_it_waits(held: Ticket, anna: User, ben: User) -> None:
    _decide(held, anna)
    mine = text_of(sign_in(anna).get(reverse(LIST)))
    assert '<span class="rm-chip">approve</span><small>to take back: ' in mine
    assert "Take back …" in mine
    assert f'name="tickets" value="{held.pk}"' not in mine, "nothing is decided together that is decided"
    theirs = text_of(sign_in(ben).get(reverse(LIST)))
    assert "to take back: " in theirs
    assert "Take back …" not in theirs

    (row,) = sign_in(ben).get("/api/v1/tickets").json()["results"]
    assert (row["pending"]["resolution"], row["pending"]["decided_by"]) == ("approve", "anna")
    assert "[approve, takes effect in 1 min " in _run("list_tickets")


def test_what_is_decided_neither_runs_out_nor_counts_as_work(held: Ticket, anna: User) -> None:
    queues = [held.queue_id]
    with connection.cursor() as cursor:
        for statement in (
            "SET CONSTRAINTS ALL IMMEDIATE",
            "ALTER TABLE escalation_ticket DISABLE TRIGGER USER",
            """UPDATE escalation_ticket SET opened_at = opened_at - interval '4 minutes',
            first_touch_due_at = first_touch_due_at - interval '4 minutes', due_at = due_at - interval '4 minutes'""",
            "ALTER TABLE escalation_ticket ENABLE TRIGGER USER",
            "SET CONSTRAINTS ALL DEFERRED",
        ):
            cursor.execute(statement)
    assert count_inbox(anna.pk, queues).breaching == 1
    assert count_loads([anna.pk], read_clock()) == {anna.pk: 1}
    _decide(held, anna)
    assert count_inbox(anna.pk, queues).breaching == 0
    assert not list_inbox(anna.pk, queues, InboxQuery(state=InboxState.BREACHING)).tickets
    assert count_loads([anna.pk], read_clock()) == {}
    page = text_of(sign_in(anna).get(page_of(held)))
    assert "<b>decided</b>" in page
    assert "since" not in page.partition('class="rm-clock')[2][:200]


def test_alike_tickets_that_are_decided_together_wait_together(anna: User) -> None:
    ReviewQueue.objects.update(grace_seconds=90)
    tickets = [hold()[0] for _ in range(2)]
    browser = sign_in(anna)
    preview = browser.post(
        button_of(tickets[0], "preview_together"), {"tickets": [ticket.pk for ticket in tickets]}
    )
    lines = re.findall(r'name="line" value="([^"]+)"', text_of(preview))
    done = text_of(
        browser.post(
            button_of(tickets[0], "resolve_together"), {"line": lines, "resolution": "approve", "note": ""}
        )
    )
    assert "2 of 2 decided (approve); that takes effect later" in done
    assert done.count("take it back") == 2
    assert PendingResolution.objects.count() == 2
    assert not list_alike(call_as(anna), tickets[0]).exists(), "nobody chooses them anew"

    parts = [line.split(":") for line in lines]
    body = [{"ticket": int(n), "claim_number": int(claim), "seen_digest": seen} for n, claim, seen in parts]
    again = _post(browser, tickets[0], "alike/resolve", lines=body, resolution="approve").json()
    assert [(one["done"], one["pending"]["resolution"]) for one in again] == [(True, "approve")] * 2


def test_a_grace_period_is_set_by_the_queues_admins(db: None) -> None:
    lena = sign_in(make_member("lena", "admin"))

    def change(**body: Any) -> Any:
        return lena.patch("/api/v1/queues/default/default", body, content_type="application/json")

    assert change(grace_seconds=30).json()["grace_seconds"] == 30
    for wrong in (-1, 86_401):
        refused = change(grace_seconds=wrong)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "grace_seconds")
    assert ReviewQueue.objects.get().grace_seconds == 30
