"""What is final asks first, and says what it does; what can't be read does not stand in the way of a decision."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from escalation.domain.draft import Draft
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.domain.states import ResolutionKind
from orchestration.testing import run_workflow
from tests.integration.escalation.buttons import page_of, press, sign_in, text_of
from tests.integration.escalation.desk import PROPOSAL, TWINS, fail, hold

pytestmark = pytest.mark.django_db
TRIP = WorkflowSpec(
    name="trip",
    steps=(
        StepSpec("car", agent="test.book", compensate="test.cancel"),
        StepSpec("room", agent="test.book", needs=("car",), compensate="test.cancel"),
        StepSpec("map", agent="test.book", needs=("room",)),
        StepSpec("pay", agent="test.pay", needs=("map",)),
        StepSpec("tell", agent="test.book", needs=("pay",)),
    ),
)
FIELDS = {"key:body": str(PROPOSAL["body"]), "key:subject": "Your order"}


@pytest.fixture
def browser(anna: User) -> Client:
    return sign_in(anna)


@pytest.fixture
def claimed(ticket: Ticket, anna: User) -> Ticket:
    return claim_ticket(ticket.pk, anna)


def test_the_page_has_no_button_that_aborts_at_once(claimed: Ticket, browser: Client) -> None:
    page = text_of(browser.get(page_of(claimed)))

    assert 'value="abort"' not in page
    assert f"/ticket/{claimed.pk}/abort/" in page


def test_before_an_abort_the_page_says_what_is_undone_and_what_stops(anna: User, browser: Client) -> None:
    agents = {"test.book": lambda _: {"number": 7}, "test.cancel": lambda _: 1, "test.pay": fail}
    run = run_workflow(TRIP, {}, agents=agents).run
    ticket = claim_ticket(Ticket.objects.get(run=run).pk, anna)

    answer = press(browser, ticket, "ask_abort", note="no money", feedback="half a sentence")

    page = text_of(answer)
    ticket.refresh_from_db()
    assert (answer.status_code, ticket.status) == (200, "open")
    assert page.index("What “room” did is undone by test.cancel.") < page.index("What “car” did is undone")
    assert "“map” did" not in page
    assert "1 more open step of it is cancelled." in page
    kept = Draft.from_json(ticket.draft_json)
    assert (kept.note, kept.feedback) == ("no money", "half a sentence")
    assert [key for key, _ in runs.foresee_abort(run.pk).undone] == ["room", "car"]

    done = press(browser, ticket, "resolve", resolution="abort", note="no money")
    ticket.refresh_from_db()
    assert (done.status_code, ticket.resolution, ticket.note) == (302, "abort", "no money")


def test_the_page_before_an_abort_counts_other_tickets_and_says_when_nothing_is_undone(
    anna: User, browser: Client
) -> None:
    ticket = claim_ticket(hold(TWINS)[0].pk, anna)

    page = text_of(press(browser, ticket, "ask_abort"))

    assert "1 other open ticket of it is withdrawn." in page
    assert "Nothing is undone: no step that is done names an agent for that." in page


def test_a_decided_ticket_has_nothing_to_abort(claimed: Ticket, anna: User, browser: Client) -> None:
    resolve_ticket(claimed.pk, anna, ResolutionKind.APPROVE, claim_number=1, seen_digest=None)

    answer = press(browser, claimed, "ask_abort")

    assert answer.status_code == 409
    assert "was resolved (approve) by anna" in text_of(answer)


@pytest.mark.parametrize("typed", ['{"facts": ', '{"facts": {"order": 8}}'])
def test_a_draft_readable_or_not_stands_in_nobodys_way(claimed: Ticket, browser: Client, typed: str) -> None:
    press(browser, claimed, "keep_draft", **FIELDS, rest=typed)
    refused = press(browser, claimed, "resolve", resolution="approve", **FIELDS, rest=typed)
    assert refused.status_code == 400
    assert "“Approve as proposed, drop the changes”" in text_of(refused)
    assert "/resolve/?drop" in text_of(refused)

    answer = press(browser, claimed, "resolve", "?drop", resolution="approve", **FIELDS, rest=typed)

    claimed.refresh_from_db()
    assert (answer.status_code, claimed.resolution) == (302, "approve")
    assert claimed.resolution_output == PROPOSAL


def test_dropping_goes_with_an_approval_only(claimed: Ticket, browser: Client) -> None:
    edited = FIELDS | {"key:body": "Dear Bob", "rest": '{"facts": 1}'}

    press(browser, claimed, "resolve", "?drop", resolution="edit", **edited)

    claimed.refresh_from_db()
    assert claimed.resolution_output == {"body": "Dear Bob", "facts": 1, "subject": "Your order"}
