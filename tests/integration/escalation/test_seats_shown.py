"""A seat where several people decide is a claim to whoever holds it, in every list, and to nobody else."""

import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from escalation.domain.inbox import InboxQuery, InboxState
from escalation.escrow import claim_ticket, release_ticket
from escalation.models import Ticket
from escalation.selectors.inbox import count_inbox, list_inbox
from tests.integration.escalation.buttons import sign_in
from tests.integration.escalation.desk import hold
from tests.integration.escalation.voting import hold_for_several, vote

pytestmark = pytest.mark.django_db


@pytest.fixture
def seated(anna: User, ben: User) -> Ticket:
    """A ticket that three decide, of which Anna holds a seat; beside one that is free."""
    hold()
    ticket = hold_for_several()
    claim_ticket(ticket.pk, anna)
    return ticket


def _list(person: User, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sign_in(person).get(f"/api/v1/tickets?{query}").json()["results"]
    return found


def _numbers(person: User, query: str) -> list[int]:
    return [row["id"] for row in _list(person, query)]


def _run(*words: str) -> str:
    out = io.StringIO()
    call_command("list_tickets", *words, stdout=out)
    return out.getvalue()


def test_the_list_shows_ones_own_seat_as_ones_claim(seated: Ticket, anna: User, ben: User) -> None:
    names = ("seat", "claim_number", "claimed_by")
    mine, theirs = (
        [tuple(row[name] for name in names) for row in _list(person) if row["id"] == seated.pk]
        for person in (anna, ben)
    )
    assert mine == [(1, 1, "anna")]
    assert theirs == [(None, 0, None)]
    assert next(row["claim_expires_at"] for row in _list(anna) if row["id"] == seated.pk)


def test_who_holds_what_finds_ones_own_seats_and_never_anothers(
    seated: Ticket, anna: User, ben: User
) -> None:
    plain = Ticket.objects.exclude(pk=seated.pk).get()
    claim_ticket(plain.pk, anna)
    assert _numbers(anna, "claimed_by=anna") == sorted((plain.pk, seated.pk))
    assert _numbers(ben, "claimed_by=anna") == [plain.pk]
    assert _numbers(ben, "claimed_by=nobody") == []
    assert _numbers(anna, "state=mine") == sorted((plain.pk, seated.pk))
    release_ticket(seated.pk, anna)
    assert _numbers(anna, "claimed_by=anna") == _numbers(anna, "state=mine") == [plain.pk]


def test_the_inbox_its_counts_and_the_interface_agree_on_what_is_mine(
    seated: Ticket, anna: User, ben: User
) -> None:
    for person, number in ((anna, 1), (ben, 0)):
        page = list_inbox(person.pk, [seated.queue_id], InboxQuery(state=InboxState.MINE))
        found = [ticket.pk for ticket in page.tickets]
        counts = sign_in(person).get("/api/v1/tickets/counts").json()
        assert (found, counts["mine"]) == ([seated.pk][:number], number)
        assert _numbers(person, "state=mine") == found
        assert count_inbox(person.pk, [seated.queue_id]).mine == number
    vote(seated, anna)
    assert _numbers(anna, "state=mine") == []
    assert sign_in(anna).get("/api/v1/tickets/counts").json()["mine"] == 0


def test_the_command_shows_the_seats_of_who_looks(seated: Ticket, anna: User, ben: User) -> None:
    assert "your seat 1, 0 of 3 voted" in _run("--as", "anna")
    assert "your seat" not in _run("--as", "ben") + _run()
    held = json.loads(_run("--as", "anna", "--claimed-by", "anna", "--json"))
    assert [(row["id"], row["seat"], row["claimed_by"]) for row in held] == [(seated.pk, 1, "anna")]
    for words in (("--as", "ben"), ()):
        assert json.loads(_run(*words, "--claimed-by", "anna", "--json")) == []
    told = io.StringIO()
    call_command("comment_ticket", str(seated.pk), "--as", "anna", "--text", "hm", "--json", stdout=told)
    assert json.loads(told.getvalue())["seat"] == 1
