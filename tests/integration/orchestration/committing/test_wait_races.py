"""Two connections at one wait: of an answer and a timeout one is written, and no answer is slept through."""

import os
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone

from agents.domain.calls import CallKind, CallWish, Until
from agents.errors import Suspended
from orchestration import runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.policy import AwaitsCalls
from orchestration.domain.work import Claim
from orchestration.errors import ClaimLost
from orchestration.executor.journal import ClaimJournal
from orchestration.journal.matching import match_signals
from orchestration.journal.waiting import answer_due, answer_over
from orchestration.maintenance import scheduler
from orchestration.models import Call, Event, Signal
from orchestration.transitions.answered import wake_answered
from tests.integration.orchestration.rig import Rig, graph, in_thread, race

# All thousand where asked; each takes some hundredths of a second.
RACES = int(os.environ.get("WAIT_RACES", "12"))
_WISH = CallWish("signal:payment#1", CallKind.SIGNAL, "payment", '{"schema":null}')
_SLEEP = CallWish("timer#1", CallKind.TIMER, "timer", "null")


@pytest.fixture
def rig() -> Rig:
    return Rig.begin(graph({"work": ()}))


def _open(claim: Claim, wish: CallWish = _WISH, seconds: float | None = None) -> AwaitsCalls:
    journal = ClaimJournal(claim, has_calls=False)
    with pytest.raises(Suspended):
        journal.wait(wish, Until(seconds=seconds))
    return AwaitsCalls(tuple(journal.waits.values()), journal.known, claim.agent, 1)


def _suspend(rig: Rig, wish: CallWish = _WISH, seconds: float | None = None) -> Call:
    claim = rig.take("work")
    rig.conclude(claim, _open(claim, wish, seconds))  # type: ignore[arg-type]
    return Call.objects.filter(run=rig.run_id).latest("pk")


def _let_time_be_over(call_id: int) -> list[int]:
    return wake_answered(answer_over([call_id]))


def _signal(rig: Rig, name: str = "payment") -> None:
    with mute_dispatch():
        runs.signal(rig.run_id, name, 5)


def test_of_an_answer_and_a_timeout_exactly_one_is_written(rig: Rig) -> None:
    outcomes = set()
    for number in range(RACES):
        name = f"payment {number}"  # one that lost is not used up, and the next wait would find it
        call = _suspend(rig, CallWish(f"signal:{name}#1", CallKind.SIGNAL, name, '{"schema":null}'), 3600)
        late = in_thread(partial(_let_time_be_over, call.pk))
        _signal(rig, name)
        late.result(timeout=20)
        call.refresh_from_db()
        is_answered = call.signal_id is not None
        assert call.response_json == ('{"value":5}' if is_answered else '{"timed_out":true}')
        outcomes.add(is_answered)
        assert rig.statuses() == {"work": "available"}
        assert rig.events("work").count("step_woken") == number + 1
    assert Signal.objects.filter(taken_at__isnull=False).count() == Call.objects.exclude(signal=None).count()


@pytest.mark.parametrize("answer_first", [False, True])
def test_an_answer_beside_the_suspension_is_not_slept_through(rig: Rig, answer_first: bool) -> None:
    claim = rig.take("work")
    outcome = _open(claim)
    suspend = lambda: rig.conclude(claim, outcome)  # type: ignore[arg-type] # noqa: E731 - two of a kind
    if answer_first:
        with patch("orchestration.runs.signals.match_signals", lambda *_: []):
            _signal(rig)
        race(lambda: match_signals(rig.run_id, "payment"), suspend)
    else:
        race(suspend, lambda: _signal(rig))
    # Whoever committed last saw the other, or the next sweep does.
    with mute_dispatch(), patch("orchestration.journal.reading._LOOK_PATIENCE", timedelta(seconds=-1)):
        scheduler.match_forgotten_signals()
        scheduler.wake_forgotten_answers()
    assert rig.statuses() == {"work": "available"}


def test_a_signal_between_the_opening_of_a_wait_and_its_suspension_wakes_the_step_at_once(rig: Rig) -> None:
    claim = rig.take("work")
    outcome = _open(claim)
    _signal(rig)
    assert rig.statuses() == {"work": "running"}
    assert rig.conclude(claim, outcome).started == (claim.step_id,)  # type: ignore[arg-type]
    assert rig.step("work").stage == ""


def test_two_that_match_at_once_give_a_signal_to_one_wait() -> None:
    rig = Rig.begin(graph({"work": (), "other": ()}))
    claim = rig.take("other")
    outcome = _open(claim)
    _suspend(rig)
    with patch("orchestration.runs.signals.match_signals", lambda *_: []):
        _signal(rig)
    Signal.objects.filter(run=rig.run_id).update(
        is_new=False
    )  # else the mark itself lets one wait for the other
    with patch("orchestration.executor.suspending.find_unused", lambda *_: []), mute_dispatch():
        # The other is suspended while the first match is under way, and then there are two waits.
        race(
            lambda: match_signals(rig.run_id, "payment"),
            lambda: (rig.conclude(claim, outcome), match_signals(rig.run_id, "payment")),  # type: ignore[arg-type]
        )
    assert Call.objects.filter(run=rig.run_id, state="done").count() == 1
    assert Signal.objects.get(run=rig.run_id).calls.count() == 1


def test_two_that_wake_a_step_wake_it_once(rig: Rig) -> None:
    _suspend(rig)
    with patch("orchestration.journal.matching.wake_answered", lambda _: []):
        _signal(rig)
    step = rig.step("work")
    assert race(lambda: wake_answered([step.pk]), lambda: wake_answered([step.pk])) == []
    assert rig.step("work").dispatches == step.dispatches + 1


@pytest.mark.parametrize(
    ("broken", "duty"),
    [
        ("orchestration.runs.signals.match_signals", scheduler.match_forgotten_signals),
        ("orchestration.journal.matching.wake_answered", scheduler.wake_forgotten_answers),
    ],
)
def test_what_a_dead_sender_left_is_done_by_the_maintainer(
    rig: Rig, broken: str, duty: Callable[[], int]
) -> None:
    _suspend(rig)
    with patch(broken, lambda *_: []):
        _signal(rig)
    assert rig.statuses() == {"work": "waiting"}
    with mute_dispatch(), patch("orchestration.journal.reading._LOOK_PATIENCE", timedelta(seconds=-1)):
        assert duty() == 1
    assert rig.statuses() == {"work": "available"}


def test_a_timer_fires_once_when_it_is_due_and_not_before(rig: Rig) -> None:
    call = _suspend(rig, _SLEEP, 3600)
    assert answer_due(10) == []
    with connection.cursor() as cursor:  # as if an hour had passed
        cursor.execute("ALTER TABLE orchestration_call DISABLE TRIGGER call_is_answered_once")
        cursor.execute("UPDATE orchestration_call SET due_at = %s", [timezone.now()])
        cursor.execute("ALTER TABLE orchestration_call ENABLE TRIGGER call_is_answered_once")
    fired = race(lambda: answer_due(10), lambda: answer_due(10))
    assert fired == []  # the other had it
    call.refresh_from_db()
    assert (call.state, call.response_json, call.unread) == ("done", "null", True)


def test_no_wait_opens_after_the_commit_of_a_cancel(rig: Rig) -> None:
    journal = ClaimJournal(rig.take("work"), has_calls=False)

    def wait() -> Any:
        try:
            return journal.wait(_WISH, Until())
        except ClaimLost:
            return ClaimLost

    assert race(lambda: runs.cancel(rig.run_id), wait) is ClaimLost
    assert not Call.objects.filter(run=rig.run_id).exists()


def test_of_a_signal_and_a_cancel_the_signal_is_kept_or_refused(rig: Rig) -> None:
    _suspend(rig)
    race(lambda: _signal(rig), lambda: runs.cancel(rig.run_id))
    assert Signal.objects.filter(run=rig.run_id).count() == 1
    assert rig.statuses() == {"work": "cancelled"}
    assert Event.objects.filter(run=rig.run_id, kind="signal_received").count() == 1


def test_one_key_sent_by_two_at_once_is_one_signal(rig: Rig) -> None:
    _suspend(rig)
    sent: list[int] = []

    def send() -> int:
        return int(runs.signal(rig.run_id, "other", 5, key="k").pk)

    assert race(lambda: sent.append(send()), send) == sent[0]
    assert Signal.objects.filter(run=rig.run_id).count() == 1
