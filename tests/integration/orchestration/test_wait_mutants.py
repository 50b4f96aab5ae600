"""A wait is answered once, whoever comes first; each guard of that, and the database's own, seen to be needed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from agents.domain.calls import CallKind, CallWish, Until
from agents.errors import Suspended
from orchestration.domain.policy import AwaitsCalls
from orchestration.executor.journal import ClaimJournal
from orchestration.journal import waiting
from orchestration.models import Call
from tests.guards import cut
from tests.integration.orchestration.rig import Rig, graph

pytestmark = [pytest.mark.django_db, pytest.mark.breaks_guards]
_SIGNAL = CallWish("signal:payment#1", CallKind.SIGNAL, "payment", '{"schema":null}')
_TIMER = CallWish("timer#1", CallKind.TIMER, "timer", "null")
_STATE = "state = 'open'"


def _suspend(wish: CallWish) -> Call:
    """Let a step wait for an hour that is over."""
    rig = Rig.begin(graph({"work": ()}))
    claim = rig.take("work")
    journal = ClaimJournal(claim, has_calls=False)
    with pytest.raises(Suspended):
        journal.wait(wish, Until(seconds=3600))
    outcome: Any = AwaitsCalls(tuple(journal.waits.values()), journal.known, claim.agent, 1)
    rig.conclude(claim, outcome)
    Call.objects.update(due_at=Now())
    return Call.objects.get()


def _a_timer_fires_once() -> None:
    call = _suspend(_TIMER)
    assert waiting.answer_due(10) == [call.step_id]
    assert waiting.answer_due(10) == []


def _a_time_that_is_over_leaves_an_answer() -> None:
    call = _suspend(_SIGNAL)
    assert waiting.answer_wait(call.pk, '{"value":5}')
    assert waiting.answer_over([call.pk]) == []
    call.refresh_from_db()
    assert call.response_json == '{"value":5}'


def _an_answer_leaves_a_time_that_is_over() -> None:
    call = _suspend(_SIGNAL)
    assert waiting.answer_over([call.pk]) == [call.step_id]
    assert not waiting.answer_wait(call.pk, '{"value":5}')
    call.refresh_from_db()
    assert call.response_json == '{"timed_out":true}'


_GUARDS: dict[str, tuple[str, str, Callable[[], None]]] = {
    "a timer": ("_ALL_DUE", f"c.{_STATE} AND ", _a_timer_fires_once),
    "a time that is over": ("_THESE_OVER", f" AND c.{_STATE}", _a_time_that_is_over_leaves_an_answer),
    "an answer": ("_ANSWER", f" AND {_STATE}", _an_answer_leaves_a_time_that_is_over),
}


@pytest.mark.parametrize("who", _GUARDS)
def test_a_wait_is_answered_once(who: str) -> None:
    _GUARDS[who][2]()


@pytest.mark.parametrize("who", _GUARDS)
def test_without_a_look_at_its_state_the_database_refuses_a_second_answer(
    who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement, guard, check = _GUARDS[who]
    monkeypatch.setattr(waiting, statement, cut(getattr(waiting, statement), guard))
    with pytest.raises(DatabaseError, match="call"):
        check()


@pytest.mark.parametrize("who", _GUARDS)
def test_without_both_it_is_answered_twice(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    statement, guard, check = _GUARDS[who]
    monkeypatch.setattr(waiting, statement, cut(getattr(waiting, statement), guard))
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER call_is_answered_once ON orchestration_call")
    with pytest.raises(AssertionError):
        check()
