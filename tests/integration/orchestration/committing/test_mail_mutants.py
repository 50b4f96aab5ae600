"""For each guard of the mail: what it guards holds, and with the guard taken out the very same check fails."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from orchestration import runs
from orchestration.actors import replies, routing, sending, settling, turns
from orchestration.actors.sending import send
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import LIVE_RUN
from orchestration.domain.work import HeldStep
from orchestration.executor import asking, mailing
from orchestration.holds.pending import write_pending
from orchestration.maintenance import mail
from orchestration.models import Message, Run
from orchestration.selectors.pending import load_pending
from orchestration.transitions import finish
from orchestration.transitions.ending import DECISION
from orchestration.transitions.vocabulary import is_held_by
from tests.guards import cut
from tests.integration.orchestration.committing import test_mail_races as races

pytestmark = pytest.mark.usefixtures("committed_db")
Guard = Callable[[pytest.MonkeyPatch], None]
_resolve: Any = import_module("orchestration.holds.resolve")
_turns: Any = turns
_FINISHES = ("_FINISH", "_FINISH_WITH_EFFECTS", "_FINISH_THAT_REMEMBERS")


@pytest.fixture(autouse=True)
def _behaviour() -> None:
    races.publish_behaviour()


def _alter(*statements: str) -> None:
    """Change the tables, or take rows out, in one transaction, which waits for nobody longer than a test may."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in (
            "SET LOCAL lock_timeout = '20s'",
            "SET LOCAL ringmaster.retention = 'on'",
            *statements,
        ):
            cursor.execute(statement)


@pytest.fixture
def without_index() -> Iterator[None]:
    """Take away the index over live turns, which is behind the lock of the actor."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'run_one_live_turn'")
        [made] = cursor.fetchone()
    _alter("DROP INDEX run_one_live_turn")
    yield
    with mute_dispatch():
        for live in Run.objects.filter(actor__isnull=False, status__in=LIVE_RUN):
            runs.cancel(live.pk, "enough")
    _alter(made)


def _no_lock_of_the_actor(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(turns, "_LOCK", cut(turns._LOCK, " FOR NO KEY UPDATE"))


def _mark_stays(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(settling, "_SETTLED", cut(settling._SETTLED, " AND untold"))


def _no_lock_of_the_messages(patcher: pytest.MonkeyPatch) -> None:
    _take_out_of_routing(patcher, "FOR NO KEY UPDATE")


def _no_look_under_the_lock(patcher: pytest.MonkeyPatch) -> None:
    _take_out_of_routing(patcher, " AND m.routed_at IS NULL")


def _take_out_of_routing(patcher: pytest.MonkeyPatch, guard: str) -> None:
    """Take it out where messages are held, and out of the statement of which that is a part."""
    for name in ("_HELD", "_DELIVER"):
        patcher.setattr(routing, name, cut(getattr(routing, name), guard))


def _deliveries_are_not_unique(patcher: pytest.MonkeyPatch) -> None:
    """The constraint itself is dropped by the test."""
    patcher.setattr(
        routing, "_DELIVER", cut(routing._DELIVER, "ON CONFLICT (message_id, actor_id) DO NOTHING ")
    )


def _nobody_holds_the_step(patcher: pytest.MonkeyPatch) -> None:
    guard = is_held_by("s", "g.token")
    for name in _FINISHES:
        patcher.setattr(finish, name, cut(getattr(finish, name), guard, "true"))


def _an_attempt_ends_twice(patcher: pytest.MonkeyPatch) -> None:
    """What was written of it stays, and there is no second decision about it; neither is an error any more."""
    here = "WHERE a.id = d.attempt_id"
    for name in _FINISHES:
        written_once = cut(getattr(finish, name), here, f"{here} AND a.outcome IS NULL")
        decided_once = cut(written_once, DECISION.sql, f"{DECISION.sql} ON CONFLICT DO NOTHING")
        patcher.setattr(finish, name, decided_once)


def _zombies_end(patcher: pytest.MonkeyPatch) -> None:
    _nobody_holds_the_step(patcher)
    _an_attempt_ends_twice(patcher)


def _whatever_is_accepted_sends(patcher: pytest.MonkeyPatch) -> None:
    settle = _resolve.settle_held_step

    def settle_and_send(held: HeldStep, *rest: Any, **more: Any) -> Any:
        settled = settle(held, *rest, **more)
        pending = load_pending(held.step_id, held.revision)
        write_pending(held, pending, pending.effects)
        return settled

    patcher.setattr(_resolve, "settle_held_step", settle_and_send)


def _two_answers(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(replies, "_REPLY", cut(replies._REPLY, "ON CONFLICT DO NOTHING "))


def _answers_whatever_is_open(patcher: pytest.MonkeyPatch) -> None:
    patcher.setattr(replies, "_ANSWER", cut(replies._ANSWER, " AND c.state = 'open'"))


def _anybody_asks(patcher: pytest.MonkeyPatch) -> None:
    guard = is_held_by("s", "%(token)s::uuid")
    patcher.setattr(asking, "_SEND", cut(asking._SEND, f" AND {guard}"))


def _sent_before_the_commit(patcher: pytest.MonkeyPatch) -> None:
    def send_now(_outbox: Any, to: str, body: Any) -> None:
        with patch("orchestration.actors.sending.pass_on", lambda _: None):
            send(to, body)

    patcher.setattr("agents.domain.outbox.Outbox.send", send_now)


_MUTANTS: dict[str, tuple[Guard, Callable[[], None]]] = {
    "no lock of the actor": (
        _no_lock_of_the_actor,
        lambda: races.test_of_two_that_start_a_turn_the_second_finds_it_started(races.new_address()),
    ),
    "the mark of a turn stays": (
        _mark_stays,
        lambda: races.test_two_that_settle_a_turn_settle_it_once(races.new_address()),
    ),
    "no look under the lock": (_no_look_under_the_lock, races.test_two_that_route_an_answer_give_it_once),
    "two answers": (_two_answers, races.test_of_two_answers_the_first_counts),
    "an answer after the time": (
        _answers_whatever_is_open,
        races.test_a_reply_that_meets_a_timeout_is_late_and_the_other_way_round,
    ),
    "anybody asks": (_anybody_asks, races.test_a_zombie_asks_nothing),
    "sent before the commit": (
        _sent_before_the_commit,
        lambda: races.test_a_zombie_sends_and_keeps_nothing(races.new_address()),
    ),
    "a zombie ends": (
        _zombies_end,
        lambda: races.test_a_zombie_sends_and_keeps_nothing(races.new_address()),
    ),
    "an edit sends": (_whatever_is_accepted_sends, races.test_a_person_s_output_sends_nothing),
}


@pytest.mark.breaks_guards
@pytest.mark.parametrize("name", _MUTANTS)
def test_without_its_guard_the_check_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take_out, check = _MUTANTS[name]
    take_out(monkeypatch)
    # Whichever of the ways in which a check finds something wrong; a mutant that is broken itself shows nothing.
    with pytest.raises((AssertionError, IntegrityError, RuntimeError)):
        check()


@pytest.mark.breaks_guards
def test_without_the_claims_guard_an_attempt_ends_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the maintainer wrote and decided about an attempt stands behind the guard: its zombie writes nothing."""
    _nobody_holds_the_step(monkeypatch)
    races.test_a_zombie_sends_and_keeps_nothing(races.new_address())


@pytest.fixture
def without_uniqueness() -> Iterator[None]:
    """Let a mailbox have a message twice."""
    _alter("ALTER TABLE orchestration_delivery DROP CONSTRAINT delivery_once")
    yield
    _alter(
        "DELETE FROM orchestration_delivery d USING orchestration_delivery e "
        "WHERE e.message_id = d.message_id AND e.actor_id = d.actor_id AND e.id < d.id",
        "ALTER TABLE orchestration_delivery ADD CONSTRAINT delivery_once UNIQUE (message_id, actor_id)",
    )


@pytest.mark.breaks_guards
def test_without_the_look_at_the_mark_the_database_keeps_deliveries_unique(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _no_look_under_the_lock(monkeypatch)
    races.test_two_that_route_deliver_it_once(races.new_address())


@pytest.mark.breaks_guards
@pytest.mark.usefixtures("without_uniqueness")
@pytest.mark.parametrize("guard", [_no_lock_of_the_messages, _no_look_under_the_lock])
def test_without_uniqueness_and_lock_or_look_a_message_is_delivered_twice(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard(monkeypatch)
    _deliveries_are_not_unique(monkeypatch)
    with pytest.raises(AssertionError):
        races.test_two_that_route_deliver_it_once(races.new_address())


@pytest.mark.usefixtures("without_index")
def test_without_the_index_the_lock_of_the_actor_keeps_one_turn() -> None:
    races.test_of_two_that_start_a_turn_the_second_finds_it_started(races.new_address())


@pytest.mark.breaks_guards
@pytest.mark.usefixtures("without_index")
def test_without_index_lock_and_number_two_turns_live(monkeypatch: pytest.MonkeyPatch) -> None:
    _no_lock_of_the_actor(monkeypatch)
    describe = _turns.describe_new_run

    def describe_without_key(*given: Any, **more: Any) -> Any:
        return describe(*given, **{**more, "idempotency_key": f"turn:{uuid4()}"})

    monkeypatch.setattr(_turns, "describe_new_run", describe_without_key)
    with pytest.raises(AssertionError):
        races.test_of_two_that_start_a_turn_the_second_finds_it_started(races.new_address())


@pytest.mark.breaks_guards
@pytest.mark.usefixtures("without_index")
def test_without_index_and_lock_two_turns_begin_but_for_the_number_of_the_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The turn's number in the run's key is a third net: two of one number can't be."""
    _no_lock_of_the_actor(monkeypatch)
    with pytest.raises(RuntimeError, match="begun already"):
        races.test_of_two_that_start_a_turn_the_second_finds_it_started(races.new_address())


def test_without_a_look_after_the_commit_the_maintainer_ends_it_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who does not look only leaves work, and costs time: each of it is done with the next sweep, and all is read."""
    for module, name in ((sending, "pass_on"), (mailing, "route_of_run"), (mailing, "settle_turn")):
        monkeypatch.setattr(module, name, lambda _: False)
    for module, name in ((routing, "start_turns"), (settling, "start_turns")):
        monkeypatch.setattr(module, name, lambda _: 0)
    monkeypatch.setattr(mail, "_PATIENCE_SECONDS", 0.0)
    address, other = races.new_address(), races.new_address()
    sent = [races.send(address, 1), races.send(address, 2)]
    assert races.states(*sent) == []
    for count in (1, 2):
        _sweep()
        [live] = races.live(address)
        races.work(live, lambda task: task.send(other, "passed on"))
        assert races.live(address) == []
        assert Message.objects.filter(to_key=other.split("/")[1], routed_at=None).count() == 1
        _sweep()
        assert races.states(*sent).count("done") == count
    [live] = races.live(other)
    races.work(live)
    _sweep()
    races.work(races.live(other)[0])
    _sweep()
    assert races.states(*sent, *Message.objects.filter(to_key=other.split("/")[1])) == ["done"] * 4


def _sweep() -> None:
    with mute_dispatch():
        for duty in (mail.settle_left, mail.route_left, mail.start_left):
            duty()
