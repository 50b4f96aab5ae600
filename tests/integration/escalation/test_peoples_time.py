"""People's time as a budget: a ticket reserves what one in its queue takes, and its close settles what its claims did.

However a claim ends and whatever closes the ticket, it is settled once; and nothing of it stops a ticket. Claims are
made to have begun thousands of seconds ago, and what they took is told in whole thousands: how long a test takes says
nothing.
"""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction

from agents.invoke import override
from escalation.escrow import (
    claim_ticket,
    reassign_ticket,
    release_ticket,
    renew_claim,
    resolve_by_rule,
    resolve_ticket,
    snooze_ticket,
    take_back_resolution,
)
from escalation.escrow.booking import NOTHING_KNOWN_SECONDS
from escalation.escrow.effect import carry_out_pending
from escalation.models import PendingResolution, ReviewQueue, Seat, Ticket, read_clock
from orchestration import Budget, StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.models import Event, Pot
from orchestration.testing import drive, run_workflow
from tests.integration.escalation.desk import AGENTS, LETTER, go_on
from tests.integration.escalation.people_judge import judge_people, settle
from tests.integration.escalation.voting import ask_several
from tests.people import make_member

pytestmark = pytest.mark.django_db
APPROVE = ResolutionKind.APPROVE


@pytest.fixture(autouse=True)
def _judge() -> Iterator[None]:
    yield
    settle()
    judge_people()


def _hold(minutes: int | None = 600, **units: Any) -> Ticket:
    with override(AGENTS), mute_dispatch():
        runs.publish(LETTER)
        budget = Budget(human_minutes=minutes, **units) if minutes is not None or units else None
        run = runs.start(LETTER.name, {"text": "Where is my lamp?"}, budget=budget)
    drive(run.pk, agents=AGENTS)
    settle()
    return Ticket.objects.get(run=run, status="open")


def _claim(ticket: Ticket, user: User, seconds: float) -> Ticket:
    """Claim a ticket, and have held it for so long."""
    claimed = claim_ticket(ticket.pk, user)
    before = Ticket.objects.get(pk=ticket.pk).worked_for
    Ticket.objects.filter(pk=ticket.pk).update(claimed_at=read_clock() - timedelta(seconds=seconds))
    # What moving the beginning counted is nobody's work.
    Ticket.objects.filter(pk=ticket.pk).update(worked_for=before)
    return claimed


def _resolve(ticket: Ticket, user: User, kind: ResolutionKind = APPROVE, **more: Any) -> None:
    number = Ticket.objects.get(pk=ticket.pk).claim_number
    resolve_ticket(ticket.pk, user, kind, claim_number=number, seen_digest=ticket.seen_digest, **more)
    settle()


def _pot() -> Pot:
    return Pot.objects.get(unit="human_seconds")


def _took() -> tuple[int, int, int]:
    """Return what is reserved, and in thousands of seconds what is spent and overrun."""
    pot = _pot()
    return pot.reserved, pot.spent // 1_000, pot.overrun // 1_000


def _amounts() -> tuple[int, int, int, int]:
    pot = _pot()
    return pot.reserved, pot.spent, pot.overrun, pot.unmet


def test_an_open_ticket_reserves_and_its_close_settles_what_its_claim_took(anna: User) -> None:
    ticket = _hold()
    assert (ticket.people_pots, ticket.expected_seconds) == ([_pot().pk], NOTHING_KNOWN_SECONDS)
    assert _amounts() == (300, 0, 0, 0)

    _claim(ticket, anna, 2_000)
    assert _amounts() == (300, 0, 0, 0)
    _resolve(ticket, anna)

    assert _took() == (0, 2, 0)
    assert go_on(ticket).status == "succeeded"
    assert runs.verify(ticket.run_id).fault is None


def test_a_queue_that_has_decided_says_by_its_median_what_the_next_takes(anna: User) -> None:
    for seconds in (1_000, 2_000, 30_000):
        ticket = _hold(None)
        assert ticket.people_pots is None
        _claim(ticket, anna, seconds)
        _resolve(ticket, anna)
    untouched = _hold(None)
    runs.cancel(untouched.run_id)
    expected = _hold().expected_seconds
    assert expected is not None
    assert expected // 1_000 == 2
    assert _amounts() == (expected, 0, 0, 0)


def test_another_queue_and_decisions_of_rules_say_nothing_of_it(anna: User) -> None:
    ticket = _hold(None)
    _claim(ticket, anna, 2_000)
    release_ticket(ticket.pk, anna)
    resolve_by_rule(ticket.pk, ResolutionKind.ABORT)
    ticket = _hold(None)
    _claim(ticket, anna, 2_000)
    Ticket.objects.filter(pk=ticket.pk).update(
        queue=ReviewQueue.objects.create(project=ticket.queue.project, slug="other", name="Other")
    )
    _resolve(ticket, anna)
    assert _hold().expected_seconds == NOTHING_KNOWN_SECONDS


@pytest.mark.parametrize("units", [{}, {"tokens": 5_000}], ids=["no budget", "one of tokens"])
def test_a_run_without_a_budget_of_it_is_not_booked(anna: User, units: dict[str, int]) -> None:
    ticket = _hold(None, **units)
    _claim(ticket, anna, 1_000)
    _resolve(ticket, anna)
    ticket.refresh_from_db()
    assert (ticket.people_pots, ticket.expected_seconds) == (None, None)
    assert _worked(ticket) == 1


def _give_back(ticket: Ticket, anna: User, _ben: User) -> None:
    release_ticket(ticket.pk, anna)


def _put_off(ticket: Ticket, anna: User, _ben: User) -> None:
    number = Ticket.objects.get(pk=ticket.pk).claim_number
    snooze_ticket(ticket.pk, anna, read_clock() + timedelta(hours=1), "later", number)


def _reassign(ticket: Ticket, _anna: User, ben: User) -> None:
    reassign_ticket(ticket.pk, make_member("lea", "admin"), ben)


def _run_out(ticket: Ticket, _anna: User, _ben: User) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(claim_expires_at=read_clock() - timedelta(seconds=1_000))


def _delete_account(_ticket: Ticket, anna: User, _ben: User) -> None:
    User.objects.filter(pk=anna.pk).delete()


@pytest.mark.parametrize(
    ("end", "taken"),
    [(_give_back, 3), (_put_off, 3), (_reassign, 3), (_run_out, 2), (None, 3)],
    ids=["released", "put off", "reassigned", "run out", "claimed once more"],
)
def test_however_a_claim_ends_it_is_counted_once_and_with_the_next_one(
    anna: User, ben: User, end: Callable[[Ticket, User, User], None] | None, taken: int
) -> None:
    ticket = _hold()
    _claim(ticket, anna, 3_000)
    if end is not None:
        end(ticket, anna, ben)
    who = ben if end is not None else anna
    _claim(ticket, who, 4_000)
    _resolve(ticket, who)
    assert _took() == (0, taken + 4, 0)


def test_a_claim_that_ran_out_and_is_kept_up_is_counted_without_the_time_between(anna: User) -> None:
    ticket = _hold()
    claimed = _claim(ticket, anna, 6_000)
    Ticket.objects.filter(pk=ticket.pk).update(claim_expires_at=read_clock() - timedelta(seconds=5_000))
    renew_claim(ticket.pk, anna, claim_number=claimed.claim_number, seen_digest=ticket.seen_digest)
    _resolve(ticket, anna)
    assert _took() == (0, 1, 0)


def test_keeping_a_live_claim_up_counts_nothing_twice(anna: User) -> None:
    ticket = _hold()
    claimed = _claim(ticket, anna, 2_000)
    renew_claim(ticket.pk, anna, claim_number=claimed.claim_number, seen_digest=ticket.seen_digest)
    assert Ticket.objects.get(pk=ticket.pk).worked_for is None
    _resolve(ticket, anna)
    assert _took() == (0, 2, 0)


def test_an_account_that_is_deleted_leaves_what_it_took(anna: User) -> None:
    ticket = _hold()
    Ticket.objects.filter(pk=ticket.pk).update(
        claimed_by=anna,
        claim_number=1,
        claimed_at=read_clock() - timedelta(seconds=3_000),
        claim_expires_at=read_clock() + timedelta(minutes=5),
        touched_at=read_clock(),
    )
    _delete_account(ticket, anna, anna)
    runs.cancel(ticket.run_id)
    settle()
    assert _took() == (0, 3, 0)


def test_a_decision_twice_is_settled_once(anna: User) -> None:
    ticket = _hold()
    _claim(ticket, anna, 2_000)
    _resolve(ticket, anna)
    _resolve(ticket, anna)
    assert _took() == (0, 2, 0)


@pytest.mark.parametrize("seconds", [0, 3_000], ids=["nobody looked", "somebody had it"])
def test_a_cancel_voids_the_ticket_and_settles_what_was_worked(anna: User, seconds: int) -> None:
    ticket = _hold()
    if seconds:
        _claim(ticket, anna, seconds)
    runs.cancel(ticket.run_id)
    settle()
    assert Ticket.objects.get(pk=ticket.pk).status == "withdrawn"
    assert _took() == (0, seconds // 1_000, 0)
    runs.cancel(ticket.run_id)
    settle()
    assert runs.verify(ticket.run_id).fault is None


def test_a_rule_that_decides_settles_what_people_had_worked_before(anna: User) -> None:
    ticket = _hold()
    _claim(ticket, anna, 3_000)
    release_ticket(ticket.pk, anna)
    for _ in range(2):
        resolve_by_rule(ticket.pk, ResolutionKind.ABORT)
    settle()
    assert _took() == (0, 3, 0)


def test_a_step_that_is_sent_back_opens_a_ticket_anew_which_reserves_anew(anna: User) -> None:
    ticket = _hold()
    _claim(ticket, anna, 3_000)
    _resolve(ticket, anna, ResolutionKind.SEND_BACK, feedback="be brief")
    go_on(ticket)
    settle()
    again = Ticket.objects.get(run=ticket.run_id, status="open")
    assert again.expected_seconds == _pot().spent
    assert _amounts() == (again.expected_seconds, again.expected_seconds, 0, 0)
    _claim(again, anna, 1_000)
    _resolve(again, anna, ResolutionKind.SKIP)
    assert _took() == (0, 4, 0)


def test_a_decision_that_waits_is_worked_at_until_it_was_made(anna: User) -> None:
    ReviewQueue.objects.update(grace_seconds=3_600)
    ticket = _hold()
    _claim(ticket, anna, 6_000)
    _decide_ago(ticket, anna, 2_000)
    assert _amounts() == (300, 0, 0, 0)
    take_back_resolution(ticket.pk, anna)
    assert _worked(ticket) == 4
    _claim(ticket, anna, 3_000)
    _decide_ago(ticket, anna, 1_000)
    runs.cancel(ticket.run_id)
    settle()
    assert _took() == (0, 6, 0)


def _decide_ago(ticket: Ticket, user: User, seconds: float) -> None:
    """Decide a ticket whose queue has a grace period, as if that had been so long ago."""
    _resolve(ticket, user)
    at = PendingResolution.objects.get(ticket=ticket.pk).decided_at - timedelta(seconds=seconds)
    Ticket.objects.filter(pk=ticket.pk).update(decided_at=at)


def test_a_decision_that_takes_effect_is_settled_once(anna: User) -> None:
    ReviewQueue.objects.update(grace_seconds=3_600)
    ticket = _hold()
    _claim(ticket, anna, 2_000)
    _resolve(ticket, anna)
    assert _amounts() == (300, 0, 0, 0)
    assert not carry_out_pending(ticket.pk)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE escalation_pendingresolution DISABLE TRIGGER pending_never_changes")
        cursor.execute(
            "UPDATE escalation_pendingresolution SET decided_at = decided_at - interval '2 hours', "
            "takes_effect_at = takes_effect_at - interval '2 hours'"
        )
    assert carry_out_pending(ticket.pk)
    assert not carry_out_pending(ticket.pk)
    settle()
    assert Ticket.objects.get(pk=ticket.pk).status == "resolved"
    assert _took() == (0, 2, 0)


def _sit(ticket: Ticket, person: User, seconds: float) -> None:
    """Take a seat of a ticket that several people decide, and have held it for so long."""
    claim_ticket(ticket.pk, person)
    before = Ticket.objects.get(pk=ticket.pk).worked_for
    seat = Seat.objects.filter(ticket=ticket.pk, person=person)
    seat.update(claimed_at=read_clock() - timedelta(seconds=seconds))
    Ticket.objects.filter(pk=ticket.pk).update(worked_for=before)


def test_where_several_decide_the_time_of_each_seat_counts(anna: User, ben: User) -> None:
    carl = make_member("carl", "reviewer")
    ask_several(3, 2)
    ticket = _hold()
    _sit(ticket, carl, 1_000)
    release_ticket(ticket.pk, carl)
    assert _worked(ticket) == 1
    _sit(ticket, carl, 2_000)
    _sit(ticket, anna, 3_000)
    _sit(ticket, ben, 4_000)
    for person in (anna, ben):
        resolve_ticket(ticket.pk, person, APPROVE, claim_number=None, seen_digest=ticket.seen_digest)
    settle()
    assert Ticket.objects.get(pk=ticket.pk).status == "resolved"
    assert _took() == (0, 10, 0)


def test_a_seat_that_ran_out_counts_until_it_did_when_somebody_else_takes_it(anna: User, ben: User) -> None:
    make_member("carl", "reviewer")
    ask_several(2, 2)
    ticket = _hold()
    _sit(ticket, anna, 9_000)
    Seat.objects.filter(ticket=ticket.pk).update(claim_expires_at=read_clock() - timedelta(seconds=5_000))
    _sit(ticket, ben, 1_000)
    assert Seat.objects.filter(ticket=ticket.pk).count() == 2
    runs.cancel(ticket.run_id)
    settle()
    assert _took() == (0, 5, 0)


def _worked(ticket: Ticket) -> int:
    """Return how long people held a ticket in claims that have ended, in thousands of seconds."""
    worked = Ticket.objects.get(pk=ticket.pk).worked_for
    return int(worked.total_seconds()) // 1_000 if worked else 0


def test_it_never_keeps_a_ticket_from_opening_or_closing_and_tells_once_that_it_is_used_up(
    anna: User,
) -> None:
    ticket = _hold(2)
    assert _amounts() == (120, 0, 0, 180)
    told = Event.objects.get(kind="budget_used_up")
    assert (told.run_id, told.step_id) == (ticket.run_id, ticket.step_id)
    assert json.loads(told.data_json) == {
        "unit": "human_seconds",
        "limit": 120,
        "of_run": str(ticket.run_id),
        "of_step": None,
        "beyond": 180,
    }
    _claim(ticket, anna, 2_120)
    _resolve(ticket, anna, ResolutionKind.SEND_BACK, feedback="be brief")
    assert (_pot().spent, _took()) == (120, (0, 0, 2))
    go_on(ticket)
    settle()
    again = Ticket.objects.get(run=ticket.run_id, status="open")
    assert _pot().unmet == again.expected_seconds == 120 + _pot().overrun
    _claim(again, anna, 1_000)
    _resolve(again, anna)
    assert go_on(ticket).status == "succeeded"
    assert (_pot().spent, _pot().unmet, _took()) == (120, 0, (0, 0, 3))
    assert Event.objects.filter(kind="budget_used_up").count() == 1
    assert runs.verify(ticket.run_id).fault is None


def test_a_budget_that_the_last_ticket_uses_up_is_told_behind_the_end_of_its_run(anna: User) -> None:
    ticket = _hold(6)
    _claim(ticket, anna, 2_000)
    _resolve(ticket, anna, ResolutionKind.ABORT)
    kinds = list(Event.objects.filter(run=ticket.run_id).order_by("pk").values_list("kind", flat=True))
    assert kinds[-2:] == ["run_closed", "budget_used_up"]
    assert runs.verify(ticket.run_id).fault is None
    runs.retry(ticket.run_id)
    assert runs.verify(ticket.run_id).fault is None


def test_a_top_up_makes_room_for_what_is_beyond_and_lets_it_be_told_anew(anna: User) -> None:
    ticket = _hold(2)
    _claim(ticket, anna, 2_000)
    _resolve(ticket, anna, ResolutionKind.SEND_BACK, feedback="be brief")
    go_on(ticket)
    settle()
    again = Ticket.objects.get(run=ticket.run_id, status="open")
    took = again.expected_seconds
    assert took is not None
    assert _amounts() == (0, 120, took - 120, took)
    runs.top_up(ticket.run_id, human_minutes=1)
    assert _amounts() == (0, 180, took - 180, took)
    runs.top_up(ticket.run_id, human_minutes=50)
    assert _amounts() == (3_180 - took, took, 0, 2 * took - 3_180)
    runs.top_up(ticket.run_id, human_minutes=600)
    assert _amounts() == (took, took, 0, 0)
    assert _pot().used_up_at is None
    _claim(again, anna, 90_000)
    _resolve(again, anna)
    assert Event.objects.filter(kind="budget_used_up").count() == 2


def test_every_budget_above_the_step_is_booked_and_none_beside_it(anna: User) -> None:
    with override(AGENTS):
        runs.publish(WorkflowSpec(name="small", steps=(StepSpec("draft", agent="test.writer"),)))
    spec = WorkflowSpec(
        name="large",
        steps=(
            StepSpec("left", workflow="small", budget=Budget(human_minutes=10)),
            StepSpec("right", workflow="small", budget=Budget(human_minutes=1)),
        ),
    )
    done = run_workflow(spec, agents=AGENTS, budget=Budget(human_minutes=60))
    settle()
    pots = {pot.step and pot.step.key: pot for pot in Pot.objects.all()}
    assert {key: (pot.reserved, pot.unmet) for key, pot in pots.items()} == {
        None: (600, 0),
        "left": (300, 0),
        "right": (60, 240),
    }
    ticket = Ticket.objects.get(run__parent_step__key="left")
    assert ticket.people_pots == [pots[None].pk, pots["left"].pk]
    _claim(ticket, anna, 200)
    _resolve(ticket, anna)
    took = pots["left"].limit - Pot.objects.get(pk=pots["left"].pk).state.left
    pots = {pot.step and pot.step.key: pot for pot in Pot.objects.all()}
    assert {key: (pot.reserved, pot.spent) for key, pot in pots.items()} == {
        None: (300, took),
        "left": (0, took),
        "right": (60, 0),
    }
    assert Event.objects.get(kind="budget_used_up").run.parent_step == done.steps["right"]


def test_a_call_takes_nothing_of_it_and_is_not_kept_away_by_it() -> None:
    done = run_workflow(
        WorkflowSpec(name="calls", steps=(StepSpec("work", agent="test.caller"),)),
        agents={"test.caller": lambda task: task.once("ask", lambda: str(task.budget.human_minutes))},
        budget=Budget(human_minutes=0, calls=1),
    )
    assert done.outputs["work"] == "0"
    assert Event.objects.filter(kind="budget_used_up").count() == 0


def test_show_budget_tells_what_is_used_up_and_what_goes_beyond(anna: User) -> None:
    ticket = _hold(2)
    out = StringIO()
    call_command("show_budget", str(ticket.run_id), stdout=out)
    shown = " ".join(out.getvalue().split())
    assert "LIMIT RESERVED SPENT LOST LEFT OVERRUN UNMET" in shown
    assert (
        "2 min of people 2 min of people 0 min of people 0 min of people 0 min of people - 3 min of people used up"
        in shown
    )
    out = StringIO()
    call_command("show_budget", str(ticket.run_id), "--json", stdout=out)
    (told,) = json.loads(out.getvalue())["budgets"]
    assert (told["reserved"], told["unmet"], told["is_used_up"]) == (120, 180, True)


def test_what_is_booked_of_a_ticket_never_changes() -> None:
    ticket = _hold()
    for change in ({"people_pots": [1]}, {"expected_seconds": 5}):
        with pytest.raises(Exception, match="kept"), transaction.atomic():
            Ticket.objects.filter(pk=ticket.pk).update(**change)
