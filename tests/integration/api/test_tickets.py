"""Tickets through the API as the inbox and a ticket's page have them: views, search, drafts, outlook, comments."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from escalation.escrow import claim_ticket, comment_on, pause_ticket
from escalation.models import AuditLine, Breach, ReviewQueue, Ticket
from escalation.watch.words import write_words
from tests.integration.escalation.buttons import sign_in
from tests.integration.escalation.desk import hold
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db: None) -> User:
    return make_member("anna", "reviewer")


@pytest.fixture
def ben(db: None) -> User:
    return make_member("ben", "reviewer")


@pytest.fixture
def browser(anna: User) -> Client:
    return sign_in(anna)


def _send(client: Client, method: str, address: str, body: Any = None) -> Any:
    return client.generic(method, f"/api/v1/{address}", json.dumps(body), content_type="application/json")


def _ids(client: Client, query: str) -> list[int]:
    answer = client.get(f"/api/v1/tickets?{query}")
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_tickets_are_narrowed_as_in_the_inbox(browser: Client, anna: User, ben: User) -> None:
    mine, theirs, free = (hold()[0] for _ in range(3))
    claim_ticket(mine.pk, anna)
    claim_ticket(theirs.pk, ben)
    Ticket.objects.filter(pk=free.pk).update(tags=["vip"], snoozed_until=timezone.now() + timedelta(hours=1))
    write_words()

    assert _ids(browser, "state=mine") == [mine.pk]
    assert (
        _ids(browser, "state=free") == _ids(browser, "tag=vip") == _ids(browser, "state=snoozed") == [free.pk]
    )
    assert _ids(browser, "state=claimed") == [mine.pk, theirs.pk]
    assert _ids(browser, f"search={free.pk}") == [free.pk]
    assert _ids(browser, "search=nowhere&state=all") == []
    assert _ids(browser, f"agent={mine.step.agent}&rule={mine.rule}") == [mine.pk, theirs.pk, free.pk]
    counts = browser.get("/api/v1/tickets/counts").json()
    assert counts == {"open": 3, "mine": 1, "free": 1, "breaching": 0}
    refused = browser.get("/api/v1/tickets?state=late")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "state")


def test_a_draft_is_kept_for_whoever_holds_the_ticket(browser: Client, anna: User, ben: User) -> None:
    (ticket,) = hold()
    address = f"tickets/{ticket.pk}/draft"
    assert _send(browser, "GET", address).json()["code"] == "ticket_not_claimed"
    claim_ticket(ticket.pk, anna)
    draft = {"claim_number": 1, "typed": {"text": "Dear"}, "note": "half  "}

    kept = _send(browser, "PUT", address, draft)

    assert kept.json() == browser.get(f"/api/v1/{address}").json()
    assert kept.json() == {"typed": {"text": "Dear"}, "feedback": "", "note": "half  ", "author": "anna"}
    assert AuditLine.objects.filter(act="edited").count() == 1
    stale = _send(browser, "PUT", address, {**draft, "claim_number": 2})
    assert (stale.status_code, stale.json()["code"]) == (409, "resolution_stale")
    assert _send(sign_in(ben), "GET", address).status_code == 409
    wrong = _send(browser, "PUT", address, {**draft, "typed": {"text": 7}})
    assert wrong.json()["errors"][0]["field"] == "typed.text"


def test_the_outlook_says_what_a_yes_sets_off(browser: Client) -> None:
    (ticket,) = hold()

    told = browser.get(f"/api/v1/tickets/{ticket.pk}/outlook").json()

    assert told["own"]["key"] == ticket.step.key
    assert [step["runs_next"] for step in told["followers"]][:1] == [True]
    assert (told["is_cut"], told["similar"]["counts"], told["forecast"]) == (False, {}, None)
    assert not AuditLine.objects.filter(act="saw").exists()


def test_a_preview_says_what_could_be_decided_together_and_claims_nothing(browser: Client, ben: User) -> None:
    first, second, taken = (hold()[0] for _ in range(3))
    claim_ticket(taken.pk, ben)
    numbers = [first.pk, second.pk, taken.pk, 10**9]

    told = _send(browser, "POST", f"tickets/{first.pk}/alike/preview", {"tickets": numbers}).json()

    assert [(line["ticket"], line["code"]) for line in told["tickets"]] == [
        (first.pk, ""),
        (second.pk, ""),
        (taken.pk, "ticket_taken"),
        (10**9, "ticket_not_found"),
    ]
    assert "approve" in [one["resolution"] for one in told["resolutions"]]
    assert Ticket.objects.filter(claimed_by__isnull=False).count() == 1
    ReviewQueue.objects.update(bulk_allowed=False)
    barred = _send(browser, "POST", f"tickets/{first.pk}/alike/preview", {"tickets": numbers})
    assert (barred.status_code, barred.json()["code"]) == (409, "bulk_barred")


def test_comments_come_in_pages_and_say_who_was_not_told(browser: Client, anna: User) -> None:
    (ticket,) = hold()
    for number in range(3):
        comment_on(ticket.pk, anna, f"number {number}")
    said = _send(browser, "POST", f"tickets/{ticket.pk}/comments", {"text": "@eve look"}).json()
    assert (said["mentioned"], said["untold"]) == ([], ["eve"])
    first = browser.get(f"/api/v1/tickets/{ticket.pk}/comments?page_size=2").json()
    rest = browser.get(f"/api/v1/tickets/{ticket.pk}/comments?cursor={first['next_cursor']}").json()
    texts = [row["text"] for page in (first, rest) for row in page["results"]]
    assert texts == ["@eve look", "number 2", "number 1", "number 0"]


def test_missed_deadlines_are_listed_with_their_true_time(browser: Client) -> None:
    (ticket,) = hold()
    (other,) = hold()
    found = timezone.now()
    for number, one in enumerate((ticket, other)):
        due = found - timedelta(minutes=number + 1)
        Breach.objects.create(ticket=one, deadline="resolution", due_at=due, found_at=found)

    rows = browser.get("/api/v1/breaches?queue=default").json()["results"]

    assert [row["ticket"] for row in rows] == [ticket.pk, other.pk]
    assert browser.get("/api/v1/breaches?deadline=first_touch").json()["results"] == []
    assert sign_in(User.objects.create_user("eve")).get("/api/v1/breaches").status_code == 403


def test_whoever_stops_a_clock_is_told_to_have_seen_what_is_answered(db: None) -> None:
    (ticket,) = hold()
    lena = sign_in(make_member("lena", "admin"))

    answer = _send(lena, "POST", f"tickets/{ticket.pk}/pause", {"reason": "asked back"})

    assert answer.json()["seen"] is not None
    line = AuditLine.objects.get(act="saw")
    assert (line.actor_name, line.digest) == ("lena", ticket.seen_digest)


def test_a_clock_that_stands_is_paused_once(anna: User) -> None:
    (ticket,) = hold()
    pause_ticket(ticket.pk, anna, "asked back")
    lena = sign_in(make_member("lena", "admin"))

    refused = _send(lena, "POST", f"tickets/{ticket.pk}/pause", {"reason": "again"})

    assert (refused.status_code, refused.json()["code"]) == (409, "clock_refused")
