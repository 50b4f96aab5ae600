"""While several people vote, no door tells what anybody voted or typed; each shows one's own seat, then all votes."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from escalation.domain.draft import Draft
from escalation.domain.inbox import InboxQuery, InboxState
from escalation.escrow import claim_ticket, save_draft
from escalation.models import AuditLine, ReviewQueue, Seat, Ticket, Vote
from escalation.selectors.changes import read_changes, read_moment
from escalation.selectors.inbox import count_inbox, list_inbox
from tests.integration.escalation.buttons import LIST, button_of, page_of, press, sign_in, text_of
from tests.integration.escalation.voting import EDIT, SKIP, hold_for_several, vote
from tests.people import make_member

pytestmark = pytest.mark.django_db
SECRET = "violet-heron"
OUTPUT = {"body": SECRET, "facts": {"order": 7}, "subject": "Your order"}


@pytest.fixture
def cleo(db: None) -> User:
    return make_member("cleo", "reviewer")


@pytest.fixture
def lea(db: None) -> User:
    return make_member("lea", "admin")


@pytest.fixture
def moment(db: None) -> str:
    return read_moment()


@pytest.fixture
def voted(moment: str, anna: User, ben: User, cleo: User, lea: User) -> Ticket:
    """Anna has voted and ben has typed; both used the same secret word."""
    ticket = hold_for_several(requested_by=make_member("otto", "operator"))
    vote(ticket, anna, EDIT, output=OUTPUT, note=SECRET)
    claim_ticket(ticket.pk, ben)
    save_draft(ticket.pk, ben, Draft(feedback=SECRET, note=SECRET), claim_number=2)
    return ticket


def _run(*call: str) -> str:
    said = StringIO()
    call_command(*call, stdout=said)
    return said.getvalue()


def _api(browser: Client, ticket: Ticket, what: str = "") -> Any:
    return browser.get(f"/api/v1/tickets/{ticket.pk}{what}")


DOORS: dict[str, Callable[[Client, Ticket], Any]] = {
    "page": lambda browser, ticket: browser.get(page_of(ticket)),
    "page to edit": lambda browser, ticket: browser.get(page_of(ticket) + "?edit"),
    "inbox": lambda browser, _: browser.get(reverse(LIST)),
    "inbox of all": lambda browser, _: browser.get(reverse(LIST) + "?state=all"),
    "ticket": _api,
    "tickets": lambda browser, _: browser.get("/api/v1/tickets"),
    "clock": lambda browser, ticket: _api(browser, ticket, "/clock"),
    "alike": lambda browser, ticket: _api(browser, ticket, "/alike"),
    "comments": lambda browser, ticket: _api(browser, ticket, "/comments"),
    "audit": lambda browser, _: browser.get("/api/v1/audit"),
    "audit in the console": lambda browser, _: browser.get("/admin/escalation/auditline/"),
    "run": lambda browser, ticket: browser.get(f"/api/v1/runs/{ticket.run_id}"),
    "page of the run": lambda browser, ticket: browser.get(f"/admin/orchestration/run/{ticket.run_id}/change/"),
    "home": lambda browser, _: browser.get("/admin/"),
    "board": lambda browser, _: browser.get("/api/v1/queues/board"),
}  # fmt: skip


@pytest.mark.parametrize("who", ["cleo", "lea", "root"])
def test_no_door_tells_what_was_voted_or_typed(voted: Ticket, who: str) -> None:
    if who == "root":
        User.objects.create_superuser("root", password="x")
    browser = sign_in(User.objects.get(username=who))
    for name, door in DOORS.items():
        answer = door(browser, voted)
        assert answer.status_code in {200, 403, 404}, name
        assert SECRET not in text_of(answer), name
    assert _api(browser, voted).json()["votes"] == []
    assert _api(browser, voted).json()["votes_cast"] == 1
    told = [json.loads(line) for line in AuditLine.objects.values_list("data_json", flat=True)]
    assert "edit" not in json.dumps([line for line in told if line.get("resolution") or line.get("seat")])


def test_the_stream_and_the_commands_tell_nothing_either(voted: Ticket, moment: str, cleo: User) -> None:
    (change,) = read_changes(moment, [voted.queue_id]).changes
    assert change.claimed_by is None, "nor who sits there"
    for call in (
        ("list_tickets",),
        ("list_tickets", "--json"),
        ("claim_ticket", str(voted.pk), "--as", "cleo", "--json"),
    ):
        assert SECRET not in _run(*call)
    assert "1 of 3 voted" in _run("list_tickets")
    assert SECRET not in _run("export_audit", "--as", "lea")


def test_one_sees_ones_own_vote_and_draft(voted: Ticket, anna: User, ben: User) -> None:
    mine = _api(sign_in(anna), voted).json()
    assert (mine["seat"], [one["person"] for one in mine["votes"]], mine["votes"][0]["note"]) == (
        1,
        ["anna"],
        SECRET,
    )
    assert "You voted: <b>edit</b>. 1 of 3 voted, 2 must agree" in text_of(sign_in(anna).get(page_of(voted)))
    page = text_of(sign_in(ben).get(page_of(voted)))
    assert "Seat 2 of 3: you vote on your own. 1 voted, 2 must agree" in page
    assert SECRET in page, "their own draft"
    assert 'href="#snooze"' not in page
    assert 'id="snooze"' not in page
    body = _api(sign_in(ben), voted).json()
    assert (body["seat"], body["claim_number"], body["claimed_by"], body["votes"]) == (2, 2, "ben", [])


def test_the_draft_of_ones_seat_is_read_over_the_interface_by_nobody_else(
    voted: Ticket, ben: User, cleo: User
) -> None:
    own = _api(sign_in(ben), voted, "/draft")
    assert (own.status_code, own.json()["note"]) == (200, SECRET)
    assert _api(sign_in(cleo), voted, "/draft").status_code == 409
    claim_ticket(voted.pk, cleo)
    assert SECRET not in text_of(_api(sign_in(cleo), voted, "/draft"))


def test_once_decided_all_see_how_all_voted(voted: Ticket, ben: User, cleo: User) -> None:
    vote(voted, ben, SKIP)
    assert _api(sign_in(cleo), voted).json()["votes"] == []
    assert vote(voted, cleo, EDIT, output=OUTPUT).status == "resolved"
    votes = _api(sign_in(ben), voted).json()["votes"]
    assert [(one["person"], one["resolution"]) for one in votes] == [
        ("anna", "edit"),
        ("ben", "skip"),
        ("cleo", "edit"),
    ]
    page = text_of(sign_in(ben).get(page_of(voted)))
    assert "3 of 3 voted, 2 had to agree" in page
    assert page.count(SECRET) > 1


def test_once_a_lead_has_to_decide_leads_see_all_votes_and_others_their_own(
    voted: Ticket, anna: User, ben: User, cleo: User, lea: User
) -> None:
    vote(voted, ben, SKIP)
    vote(voted, cleo)
    assert len(_api(sign_in(lea), voted).json()["votes"]) == 3
    assert SECRET in text_of(sign_in(lea).get(page_of(voted)))
    assert [one["person"] for one in _api(sign_in(ben), voted).json()["votes"]] == ["ben"]
    page = text_of(sign_in(ben).get(page_of(voted)))
    assert SECRET not in page
    assert "A lead of the queue decides this ticket" in page
    refused = sign_in(anna).post(f"/api/v1/tickets/{voted.pk}/claim")
    assert (refused.status_code, refused.json()["code"]) == (403, "lead_needed")
    assert "for a lead" in text_of(sign_in(ben).get(reverse(LIST)))


def test_a_vote_from_the_console(voted: Ticket, cleo: User) -> None:
    browser = sign_in(cleo)
    assert "Take a seat and vote" in text_of(browser.get(page_of(voted)))
    browser.post(button_of(voted, "claim"))
    answer = press(browser, voted, "resolve", resolution="skip", claim_number="3")
    assert "Your vote on ticket" in text_of(browser.get(answer.url))
    assert Vote.objects.filter(person=cleo, kind="skip").exists()
    again = press(browser, voted, "resolve", resolution="approve", claim_number="3")
    assert again.status_code == 409
    assert "votes stand" in text_of(again)


def test_a_draft_of_ones_seat_is_kept_and_comes_back(voted: Ticket, cleo: User) -> None:
    browser = sign_in(cleo)
    browser.post(button_of(voted, "claim"))
    assert press(browser, voted, "keep_draft", claim_number="3", note="cleo thinks").status_code == 302
    assert "cleo thinks" in text_of(browser.get(page_of(voted)))
    assert "cleo thinks" in (Seat.objects.get(person=cleo).draft_json or "")
    assert Ticket.objects.get(pk=voted.pk).draft_json is None


def test_the_inbox_knows_my_seat_and_where_there_is_room(
    voted: Ticket, anna: User, ben: User, cleo: User
) -> None:
    queues = [voted.queue_id]

    def look(person: User) -> tuple[int, int, bool, bool]:
        counts = count_inbox(person.pk, queues)
        listed = [
            bool(list_inbox(person.pk, queues, InboxQuery(state=state)).tickets)
            for state in (InboxState.MINE, InboxState.FREE)
        ]
        return counts.mine, counts.free, listed[0], listed[1]

    assert look(anna) == (0, 0, False, False), "who voted has done their part"
    assert look(ben) == (1, 0, True, False)
    assert look(cleo) == (0, 1, False, True)
    claim_ticket(voted.pk, cleo)
    assert look(make_member("dora", "reviewer")) == (0, 0, False, False), "all seats are taken"
    assert "my seat: 2 · 1 of 3 voted, 2 must agree" in text_of(sign_in(ben).get(reverse(LIST)))
    assert "you voted · 1 of 3 voted" in text_of(sign_in(anna).get(reverse(LIST)))


def test_the_commands_claim_a_seat_and_vote(voted: Ticket, cleo: User) -> None:
    number = str(voted.pk)
    assert f"Seat 3 of 3 of ticket {number} is claimed by cleo" in _run(
        "claim_ticket", number, "--as", "cleo"
    )
    decide = ("resolve_ticket", number, "--as", "cleo", "--resolution", "skip")
    assert "is kept: 2 of 3 voted, 2 must agree" in _run(*decide)
    assert "is kept: 2 of 3 voted" in _run(*decide), "sent twice it is one"
    with pytest.raises(CommandError, match="votes stand"):
        _run("resolve_ticket", number, "--as", "cleo", "--resolution", "approve")
    assert Vote.objects.count() == 2


def test_seats_and_votes_are_set_by_the_queues_admins(lea: User) -> None:
    browser = sign_in(lea)

    def change(**body: Any) -> Any:
        return browser.patch("/api/v1/queues/default/default", body, content_type="application/json")

    made = change(seats=3, votes_needed=2).json()
    assert (made["seats"], made["votes_needed"]) == (3, 2)
    for field, body in {
        "votes_needed": {"votes_needed": 4},
        "grace_seconds": {"grace_seconds": 60},
        "seats": {"seats": 21},
    }.items():
        refused = change(**body)
        assert refused.status_code == 400
        assert field in {fault["field"] for fault in refused.json()["errors"]}
    assert (ReviewQueue.objects.get().seats, ReviewQueue.objects.get().grace_seconds) == (3, 0)
