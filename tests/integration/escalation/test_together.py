"""Alike tickets decided together: each for itself, and barred where one has to look at each alone."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User

from escalation.domain.desk_rights import DeskRight
from escalation.errors import (
    BulkBarred,
    DecisionPending,
    NotAlike,
    OwnRequest,
    ResolutionInvalid,
    ResolutionStale,
    TicketNotFound,
    TicketTaken,
    TicketWithdrawn,
)
from escalation.escrow import (
    MOST_TOGETHER,
    BulkLine,
    BulkResult,
    DatabaseEscalator,
    claim_alike,
    claim_ticket,
    preview_alike,
    release_ticket,
    resolve_alike,
    resolve_ticket,
)
from escalation.models import AuditLine, ReviewQueue, Ticket
from escalation.selectors import alike, find_irreversible, find_ticket, list_alike
from orchestration import StepSpec, WorkflowSpec
from orchestration.domain.states import ResolutionKind
from orchestration.models import Step
from orchestration.selectors.scope import call_as
from tests.integration.escalation.desk import go_on, hold
from tests.people import make_member
from tests.tampering import history_rewritten

pytestmark = pytest.mark.django_db
APPROVE, SEND_BACK = ResolutionKind.APPROVE, ResolutionKind.SEND_BACK
MAIL = WorkflowSpec(
    name="mail",
    steps=(
        StepSpec("draft", agent="test.writer"),
        *(StepSpec(f"s{n}", agent="test.facts", needs=(f"s{n - 1}" if n else "draft",)) for n in range(14)),
        StepSpec("send", agent="mail.outbox", needs=("s13",)),
    ),
)
OTHER = WorkflowSpec(name="other", steps=(StepSpec("draft", agent="test.writer"),))


def _hold(count: int, spec: WorkflowSpec | None = None) -> list[Ticket]:
    return [(hold(spec) if spec else hold())[0] for _ in range(count)]


def _find(ticket: Ticket, person: User) -> Ticket:
    return find_ticket(call_as(person), ticket.pk, DeskRight.DECIDE)


def _claim(tickets: list[Ticket], person: User) -> list[BulkResult]:
    return claim_alike(_find(tickets[0], person), [ticket.pk for ticket in tickets], person, call_as(person))


def _lines(results: list[BulkResult]) -> list[BulkLine]:
    return [
        BulkLine(one.ticket_id, one.ticket.claim_number, one.ticket.seen_digest)
        for one in results
        if one.ticket
    ]


def _resolve(
    tickets: list[Ticket], lines: list[BulkLine], person: User, kind: ResolutionKind = APPROVE, **said: Any
) -> list[BulkResult]:
    return resolve_alike(_find(tickets[0], person), lines, person, call_as(person), kind, **said)


def test_alike_tickets_are_decided_with_one_decision_each_under_its_own_claim(anna: User) -> None:
    tickets = _hold(3)

    results = _resolve(tickets, _lines(_claim(tickets, anna)), anna, note="all the same")

    assert [one.error for one in results] == [None] * 3
    for ticket in tickets:
        ticket.refresh_from_db()
        assert (ticket.resolution, ticket.resolved_by, ticket.note) == ("approve", anna, "all the same")
        assert go_on(ticket).status == "succeeded"
    assert AuditLine.objects.filter(act="resolved").count() == 3


def test_the_same_call_again_gets_the_same_answers(anna: User) -> None:
    tickets = _hold(2)
    lines = _lines(_claim(tickets, anna))

    first, again = _resolve(tickets, lines, anna), _resolve(tickets, lines, anna)

    assert [one.error for one in (*first, *again)] == [None] * 4
    assert AuditLine.objects.filter(act="resolved").count() == 2


def test_what_others_hold_and_what_is_not_alike_is_left_out_and_said(anna: User, ben: User) -> None:
    mine, bens = _hold(2)
    other = _hold(1, OTHER)[0]
    claim_ticket(bens.pk, ben)

    results = claim_alike(_find(mine, anna), [mine.pk, bens.pk, other.pk, 99, mine.pk], anna, call_as(anna))

    assert [(one.ticket_id, type(one.error)) for one in results] == [
        (mine.pk, type(None)),
        (bens.pk, TicketTaken),
        (other.pk, NotAlike),
        (99, TicketNotFound),
    ]
    other.refresh_from_db()
    assert other.claimed_by is None


def test_one_that_was_claimed_anew_or_shows_something_else_is_refused_alone(anna: User) -> None:
    tickets = _hold(3)
    lines = _lines(_claim(tickets, anna))
    release_ticket(tickets[1].pk, anna)
    claim_ticket(tickets[1].pk, anna)
    lines[2] = BulkLine(lines[2].ticket_id, lines[2].claim_number, "0" * 64)

    results = _resolve(tickets, lines, anna)

    assert [type(one.error) for one in results] == [type(None), ResolutionStale, ResolutionStale]
    assert [Ticket.objects.get(pk=one.pk).status for one in tickets] == ["resolved", "open", "open"]


def test_tickets_of_which_nothing_says_what_they_are_like_are_alike_to_none(anna: User) -> None:
    tickets = _hold(2)
    with history_rewritten():
        Ticket.objects.update(alike="")

    results = _claim(tickets, anna)

    assert [type(one.error) for one in results] == [NotAlike, NotAlike]
    assert not list_alike(call_as(anna), _find(tickets[0], anna)).exists()


def test_a_ticket_that_is_not_alike_is_not_decided_along(anna: User) -> None:
    ticket, other = _hold(1)[0], _hold(1, OTHER)[0]
    lines = _lines(_claim([ticket], anna)) + _lines(_claim([other], anna))

    results = _resolve([ticket], lines, anna)

    assert [type(one.error) for one in results] == [type(None), NotAlike]
    assert Ticket.objects.get(pk=other.pk).is_open


@pytest.mark.parametrize("kind", [APPROVE, ResolutionKind.SKIP])
def test_what_lets_an_effect_happen_that_can_not_be_undone_is_decided_alone(
    anna: User, kind: ResolutionKind
) -> None:
    # Far behind: what the page of one ticket no longer names bars all the same.
    tickets = _hold(2, MAIL)
    lines = _lines(_claim(tickets, anna))

    results = _resolve(tickets, lines, anna, kind)

    words = "what the step “send” does then can't be undone. Decide it alone, on its own page."
    assert [str(one.error) for one in results] == [f"Not decided together with others: {words}"] * 2
    assert Ticket.objects.filter(status="open").count() == 2


def test_what_sets_nothing_off_is_decided_together_before_an_effect_too(anna: User) -> None:
    tickets = _hold(2, MAIL)

    results = _resolve(tickets, _lines(_claim(tickets, anna)), anna, SEND_BACK, feedback="be brief")

    assert [one.error for one in results] == [None, None]
    assert {ticket.feedback for ticket in Ticket.objects.all()} == {"be brief"}


def test_a_step_whose_own_effect_can_not_be_undone_is_sent_back_alone(anna: User) -> None:
    tickets = _hold(2, OTHER)
    lines = _lines(_claim(tickets, anna))
    Step.objects.filter(pk=tickets[0].step_id).update(agent="mail.outbox")

    results = _resolve(tickets, lines, anna, SEND_BACK, feedback="be brief")

    assert [type(one.error) for one in results] == [BulkBarred, type(None)]


def test_only_what_is_still_to_come_and_can_not_be_undone_bars_it(
    anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ticket,) = _hold(1, MAIL)
    assert list(find_irreversible([ticket], APPROVE)) == [ticket.pk]

    with monkeypatch.context() as told:
        told.setattr(alike, "find_contract", lambda _: SimpleNamespace(effects=("mail",), reversible=True))
        assert find_irreversible([ticket], APPROVE) == {}
        assert find_irreversible([ticket], SEND_BACK) == {}
    with monkeypatch.context() as told:
        told.setattr(alike, "_MOST_BEHIND", 3)
        assert "can be looked through" in find_irreversible([ticket], APPROVE)[ticket.pk]
    with history_rewritten():
        Step.objects.filter(run=ticket.run_id, key="send").update(status="skipped")
    assert find_irreversible([ticket], APPROVE) == {}


@pytest.mark.parametrize(
    ("columns", "why"),
    [({"bulk_allowed": False}, "each ticket decided for itself"), ({"seats": 2}, "several people decide")],
)
def test_a_queue_bars_it(anna: User, columns: dict[str, Any], why: str) -> None:
    tickets = _hold(2)
    lines = _lines(_claim(tickets, anna))
    ReviewQueue.objects.filter(pk=tickets[0].queue_id).update(**columns)

    with pytest.raises(BulkBarred, match=why):
        _claim(tickets, anna)
    with pytest.raises(BulkBarred, match=why):
        _resolve(tickets, lines, anna)

    assert Ticket.objects.filter(status="open").count() == 2


@pytest.mark.parametrize(
    ("columns", "why"),
    [({"bulk_allowed": False}, "each ticket decided for itself"), ({"seats": 2}, "several people decide")],
)
def test_an_alike_ticket_in_a_queue_that_bars_it_is_left_out_alone(
    anna: User, columns: dict[str, Any], why: str
) -> None:
    # given: of three alike tickets one lies in such a queue, and was claimed on its own page
    tickets = _hold(3)
    queue = ReviewQueue.objects.get(pk=tickets[0].queue_id)
    strict = ReviewQueue.objects.create(project=queue.project, slug="strict", name="Strict", **columns)
    Ticket.objects.filter(pk=tickets[2].pk).update(queue=strict)

    claimed = _claim(tickets, anna)
    own = claim_ticket(tickets[2].pk, anna)
    decided = _resolve(tickets, [*_lines(claimed), BulkLine(own.pk, own.claim_number, own.seen_digest)], anna)

    for results in (claimed, decided):
        assert [type(one.error) for one in results] == [type(None), type(None), BulkBarred]
        assert why in str(results[2].error)
    assert own.claim_number == 1
    assert [Ticket.objects.get(pk=one.pk).status for one in tickets] == ["resolved", "resolved", "open"]


@pytest.mark.parametrize("kind", [ResolutionKind.EDIT, ResolutionKind.ABORT, ResolutionKind.DEFAULT])
def test_what_is_of_one_ticket_is_not_for_several(anna: User, kind: ResolutionKind) -> None:
    tickets = _hold(2)

    with pytest.raises(ResolutionInvalid, match=r"resolution: .* one ticket at a time"):
        _resolve(tickets, _lines(_claim(tickets, anna)), anna, kind)


def test_what_goes_with_all_is_checked_once_before_any(anna: User) -> None:
    tickets = _hold(2)
    lines = _lines(_claim(tickets, anna))

    with pytest.raises(ResolutionInvalid, match="feedback: say what"):
        _resolve(tickets, lines, anna, SEND_BACK)


def test_no_more_than_fifty_and_no_less_than_one(anna: User) -> None:
    (ticket,) = _hold(1)
    anchor = _find(ticket, anna)

    with pytest.raises(ResolutionInvalid, match="51 are too many"):
        claim_alike(anchor, list(range(1, MOST_TOGETHER + 2)), anna, call_as(anna))
    with pytest.raises(ResolutionInvalid, match="51 are too many"):
        _resolve([ticket], [BulkLine(n, 1, "") for n in range(MOST_TOGETHER + 1)], anna)
    with pytest.raises(ResolutionInvalid, match="at least one"):
        claim_alike(anchor, [], anna, call_as(anna))


def test_a_preview_says_of_each_what_a_claim_would_and_claims_nothing(anna: User, ben: User) -> None:
    free, own, bens, decided, withdrawn = _hold(5)
    asked = hold(requested_by=anna)[0]
    for ticket, person in ((own, anna), (bens, ben), (decided, ben)):
        claim_ticket(ticket.pk, person)
    ReviewQueue.objects.update(grace_seconds=60)
    resolve_ticket(decided.pk, ben, APPROVE, claim_number=1, seen_digest=None)
    DatabaseEscalator().withdraw_tickets([withdrawn.step_id], "reset")
    other = _hold(1, OTHER)[0]
    chosen = [one.pk for one in (free, own, bens, decided, withdrawn, asked, other)]

    results = preview_alike(_find(free, anna), [*chosen, 99], anna, call_as(anna))

    refused = [TicketTaken, DecisionPending, TicketWithdrawn, OwnRequest, NotAlike, TicketNotFound]
    assert [type(one.error) for one in results] == [type(None), type(None), *refused]
    assert Ticket.objects.filter(claimed_by=anna).get() == own
    for wrong in ([], list(range(1, MOST_TOGETHER + 2))):
        with pytest.raises(ResolutionInvalid, match="tickets: "):
            preview_alike(_find(free, anna), wrong, anna, call_as(anna))
    ReviewQueue.objects.update(bulk_allowed=False)
    with pytest.raises(BulkBarred):
        preview_alike(_find(free, anna), chosen, anna, call_as(anna))


def test_whoever_may_not_decide_a_ticket_finds_none(anna: User) -> None:
    tickets = _hold(2)
    looker = make_member("olga", "viewer")

    results = claim_alike(_find(tickets[0], anna), [tickets[1].pk], looker, call_as(looker))

    assert isinstance(results[0].error, TicketNotFound)
    assert list(list_alike(call_as(looker), tickets[0])) == []


def test_who_asked_for_a_run_is_not_shown_its_ticket_among_the_alike(anna: User) -> None:
    own, foreign = hold(requested_by=anna)[0], hold()[0]

    assert [ticket.pk for ticket in list_alike(call_as(anna), foreign)] == [foreign.pk]
    assert own.alike == foreign.alike
