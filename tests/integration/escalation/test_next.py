"""The next ticket: the one due first that the person may decide; one use case for console, API and command."""

import json
from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from escalation.errors import NoTicketFree
from escalation.escrow import claim_next_ticket, claim_ticket, release_ticket, resolve_ticket
from escalation.live import look_at_ticket
from escalation.models import Presence, Ticket, read_clock
from orchestration.domain.states import ResolutionKind
from orchestration.selectors.scope import call_as
from tests.integration.escalation.buttons import LIST, page_of, sign_in
from tests.integration.escalation.desk import hold, race
from tests.people import make_member

pytestmark = pytest.mark.django_db


def _take(person: User) -> int:
    return claim_next_ticket(person, call_as(person)).pk


def _press(browser: Client, **form: str) -> str:
    address = str(browser.post(reverse("admin:escalation_ticket_claim_next"), form).headers["Location"])
    return address.removesuffix("?next")


def test_nobody_is_offered_what_they_requested(anna: User, ben: User) -> None:
    own, others = hold(requested_by=anna)[0], hold(requested_by=ben)[0]

    assert _press(sign_in(anna)) == page_of(others)
    assert _take(ben) == own.pk
    with pytest.raises(NoTicketFree, match="those of runs that you requested wait for a colleague"):
        _take(anna)


def test_a_run_that_nobody_requested_is_for_all(ticket: Ticket, anna: User) -> None:
    assert _take(anna) == ticket.pk


def test_what_somebody_gave_back_is_offered_to_them_last(anna: User, ben: User) -> None:
    first, second, third = (hold()[0].pk for _ in range(3))
    claim_ticket(first, anna)
    release_ticket(first, anna)

    assert [_take(anna), _take(ben), _take(anna)] == [second, first, third]


def test_what_somebody_else_looks_at_is_offered_when_no_other_is_free(anna: User, ben: User) -> None:
    first, second, third = (hold()[0].pk for _ in range(3))
    look_at_ticket(first, ben)
    look_at_ticket(second, anna)

    assert [_take(anna), _take(anna), _take(anna)] == [second, third, first]


def test_a_look_of_a_while_ago_keeps_no_ticket_back(anna: User, ben: User) -> None:
    first, _second = (hold()[0].pk for _ in range(2))
    look_at_ticket(first, ben)
    Presence.objects.update(seen_at=read_clock() - timedelta(seconds=46))

    assert _take(anna) == first


def test_what_was_given_back_is_offered_again_when_nothing_else_is_left(ticket: Ticket, anna: User) -> None:
    claim_ticket(ticket.pk, anna)
    release_ticket(ticket.pk, anna)

    assert _take(anna) == ticket.pk


def test_a_closed_ticket_forgets_who_gave_it_back(ticket: Ticket, anna: User, ben: User) -> None:
    claim_ticket(ticket.pk, ben)
    release_ticket(ticket.pk, ben)
    claim_ticket(ticket.pk, anna)
    resolve_ticket(ticket.pk, anna, ResolutionKind.SKIP, claim_number=2, seen_digest=None)

    ben.delete()

    ticket.refresh_from_db()
    assert (ticket.released_by, ticket.status) == (None, "resolved")


def test_a_second_click_takes_no_second_ticket(anna: User) -> None:
    tickets = [hold()[0] for _ in range(2)]
    browser = sign_in(anna)
    since = browser.get(reverse(LIST)).context["since"]

    pressed = [_press(browser, since=since) for _ in range(2)]
    later = browser.get(reverse(LIST)).context["since"]

    assert pressed == [page_of(tickets[0])] * 2
    assert _press(browser, since=later) == page_of(tickets[1])


@pytest.mark.parametrize(
    "since", ["", "never", "2026-01-01", "2026-13-45T99:99:99+00:00", "2026-01-01T00:00:00"]
)
def test_a_form_that_does_not_say_since_when_takes_the_next(ticket: Ticket, anna: User, since: str) -> None:
    assert _press(sign_in(anna), since=since) == page_of(ticket)


def test_another_person_s_claim_is_no_second_click(anna: User, ben: User) -> None:
    first, second = hold()[0], hold()[0]
    since = (read_clock() - timedelta(seconds=1)).isoformat()
    claim_ticket(first.pk, ben)

    assert _press(sign_in(anna), since=since) == page_of(second)


def test_the_api_claims_the_next(anna: User) -> None:
    hold(requested_by=anna)
    other = hold()[0]
    browser = sign_in(anna)

    answer, none_left = (browser.post("/api/v1/tickets/claim-next") for _ in range(2))

    assert (answer.status_code, answer.json()["id"], answer.json()["claimed_by"]) == (200, other.pk, "anna")
    assert (none_left.status_code, none_left.json()["code"]) == (404, "no_ticket_free")
    assert sign_in(make_member("vic", "viewer")).post("/api/v1/tickets/claim-next").status_code == 404


def test_the_command_claims_the_next(anna: User) -> None:
    hold(requested_by=anna)
    other, out = hold()[0], StringIO()

    call_command("claim_ticket", "--next", "--as", "anna", "--json", stdout=out)

    assert json.loads(out.getvalue())["id"] == other.pk
    with pytest.raises(CommandError, match="No ticket is free for you"):
        call_command("claim_ticket", "--next", "--as", "anna")


@pytest.mark.parametrize("words", [["--as", "anna"], ["7", "--next", "--as", "anna"]])
def test_the_command_wants_a_number_or_next(anna: User, words: list[str]) -> None:
    with pytest.raises(CommandError, match="ticket: give the number of a ticket, or --next"):
        call_command("claim_ticket", *words)


@pytest.mark.django_db(transaction=True)
def test_people_at_once_get_a_ticket_each() -> None:
    people = [make_member(f"p{n}", "reviewer") for n in range(4)]
    tickets = {hold()[0].pk for _ in range(4)}

    assert set(race([partial(_take, person) for person in people])) == tickets
