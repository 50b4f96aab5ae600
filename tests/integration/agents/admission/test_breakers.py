"""Breakers as rows: what opens, probes and closes them, and what is written down about it."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from agents.admission import (
    COUNT_CALLS,
    Admitted,
    BreakerOpen,
    admit,
    find_openings,
    is_kept_away,
    note_failure,
    note_success,
    note_unclear,
    presume_failure,
    reap,
    reset_breaker,
)
from agents.admission.board import find_breaker
from agents.admission.breakers import forget_failures
from agents.admission.clock import read_clock
from agents.domain.circuit import COUNTED
from agents.domain.invocation import FailureKind
from agents.models import AgentCalls, Breaker, BreakerEvent, CountedFailure
from tests.integration.agents.admission.scenes import (
    age_failures,
    changes_of,
    fail,
    let_pause_pass,
    let_probe_pass,
    state_of,
)

pytestmark = pytest.mark.django_db

A = "crm.history"


def test_a_healthy_agent_has_no_row() -> None:
    fail(A, 5)
    assert not Breaker.objects.exists()
    assert admit(A, uuid4()) == Admitted()
    assert find_openings() == []


def test_the_sixth_failure_within_a_minute_opens() -> None:
    fail(A, 6)
    row = Breaker.objects.get(agent=A)
    assert (row.state, row.pause_seconds) == ("open", 30)
    assert row.until is not None
    assert row.until - row.changed_at == timedelta(seconds=30)
    [event] = BreakerEvent.objects.all()
    assert (event.agent, event.from_state, event.to_state, event.by) == (A, "closed", "open", "")
    assert event.why == "6 failures within 60 s (transient)"
    assert row.opening == event.pk
    refusal = admit(A, uuid4())
    assert refusal == BreakerOpen(A, event.pk, row.opened_at, row.until)


def call(agent: str, calls: int, process: int = 1) -> None:
    """Note calls as a process does with its beat."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_CALLS, {"calls": json.dumps({agent: calls}), "process": process})


def test_few_failures_among_many_calls_open_nothing() -> None:
    call(A, 60)
    call(A, 1)
    fail(A, 6)
    assert not Breaker.objects.exists()
    assert find_breaker(A).calls == 61
    assert (find_breaker(A).failures, find_breaker(A).allowed) == (6, 6)

    fail(A, 1)
    assert BreakerEvent.objects.get().why == "7 failures of 61 calls within 60 s (transient)"


def test_calls_of_all_processes_count_and_those_of_another_agent_do_not() -> None:
    call("b.b", 600)
    call(A, 31, process=1)
    call(A, 30, process=2)
    fail(A, 6)
    assert not Breaker.objects.exists()


def test_calls_of_long_ago_do_not_count() -> None:
    call(A, 6_000)
    AgentCalls.objects.update(at=read_clock() - timedelta(seconds=61))
    fail(A, 6)
    assert state_of(A) == "open"


def test_failures_in_a_row_open_whatever_was_called_before() -> None:
    call(A, 6_000)
    fail(A, 5)
    note_failure(A, FailureKind.TRANSIENT, attempt_id=777, token=uuid4(), in_a_row=6)
    assert state_of(A) == "open"


def test_a_busy_agent_that_failed_lately_is_still_called() -> None:
    """Its door counts calls beforehand; they must not be turned away for failures that open nothing."""
    call(A, 6_000)
    fail(A, 6)
    assert presume_failure(A, attempt_id=888, token=uuid4(), uncounted=3)
    assert not presume_failure(A, attempt_id=889, token=uuid4(), uncounted=3, in_a_row=6)


def test_another_agent_is_not_kept_away() -> None:
    fail(A, 6)
    assert admit("shop.inventory", uuid4()) == Admitted()


def test_a_step_that_pins_the_version_meets_the_same_breaker() -> None:
    fail(f"{A}@2", 3)
    fail(A, 3)
    assert state_of(A) == "open"
    assert isinstance(admit(f"{A}@2", uuid4()), BreakerOpen)
    assert _is_kept_away_in_sql(f"{A}@2")


def test_failures_of_long_ago_do_not_count() -> None:
    fail(A, 5)
    age_failures(A, 61)
    fail(A, 5)
    assert not Breaker.objects.exists()
    fail(A)
    assert state_of(A) == "open"


@pytest.mark.parametrize("kind", sorted(FailureKind))
def test_only_what_says_something_about_the_agent_counts(kind: FailureKind) -> None:
    fail(A, 6, kind=kind)
    assert Breaker.objects.exists() is (kind in COUNTED)
    assert CountedFailure.objects.count() == (6 if kind in COUNTED else 0)


def test_an_attempt_counts_once() -> None:
    for _ in range(10):
        note_failure(A, FailureKind.TIMEOUT, attempt_id=1, token=uuid4())
    assert CountedFailure.objects.count() == 1
    assert not Breaker.objects.exists()


def test_more_failures_change_nothing_about_an_open_one() -> None:
    fail(A, 6)
    before = Breaker.objects.values().get()
    fail(A, 10)
    assert Breaker.objects.values().get() == before
    assert changes_of(A) == [("closed", "open")]


def test_an_agent_s_own_limit_holds(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "BREAKERS": {A: {"failures": 1, "pause_seconds": 5}}}
    fail(A, 2)
    assert Breaker.objects.get().pause_seconds == 5


def test_after_the_pause_one_probe_passes() -> None:
    fail(A, 6)
    token = let_probe_pass(A)
    row = Breaker.objects.get()
    assert (row.state, row.probe_token, row.until) == ("half_open", token, None)
    refusal = admit(A, uuid4())
    assert isinstance(refusal, BreakerOpen)
    assert refusal.until is None
    assert changes_of(A) == [("closed", "open"), ("open", "half_open")]


def test_an_answered_probe_closes_and_forgives() -> None:
    fail(A, 6)
    note_success(A, let_probe_pass(A))
    assert state_of(A) == "closed"
    assert admit(A, uuid4()) == Admitted()
    fail(A, 5)
    assert state_of(A) == "closed"
    fail(A)
    assert state_of(A) == "open"
    assert Breaker.objects.get().pause_seconds == 30


def test_a_failed_probe_opens_again_for_twice_as_long() -> None:
    fail(A, 6)
    opening = Breaker.objects.get().opening
    for pause in (60, 120, 240, 480, 600, 600):
        fail(A, token=let_probe_pass(A))
        row = Breaker.objects.get()
        assert (row.state, row.pause_seconds, row.probe_token) == ("open", pause, None)
        assert row.opening == opening
    why = "the probe failed (transient); the pause is doubled"
    assert BreakerEvent.objects.filter(from_state="half_open", why=why).count() == 6


def test_a_new_opening_has_a_new_number() -> None:
    fail(A, 6)
    first = Breaker.objects.get().opening
    note_success(A, let_probe_pass(A))
    fail(A, 6)
    assert Breaker.objects.get().opening > first


def test_a_probe_that_shows_nothing_makes_way() -> None:
    fail(A, 6)
    token = let_probe_pass(A)
    fail(A, token=token, kind="bad_input")
    row = Breaker.objects.get()
    assert (row.state, row.probe_token) == ("half_open", None)
    assert admit(A, uuid4()) == Admitted(is_probe=True)


def test_the_answer_of_another_claim_closes_nothing() -> None:
    fail(A, 6)
    token = let_probe_pass(A)
    note_success(A, uuid4())
    note_unclear(A, uuid4())
    fail(A, token=uuid4())
    row = Breaker.objects.get()
    assert (row.state, row.probe_token) == ("half_open", token)


def test_a_dead_probe_makes_way_a_live_one_does_not() -> None:
    fail(A, 6)
    token = let_probe_pass(A)
    assert reap(lambda tokens: tokens) == 0
    assert Breaker.objects.get().probe_token == token
    assert reap(lambda _: []) == 1
    assert Breaker.objects.get().probe_token is None
    assert admit(A, uuid4()) == Admitted(is_probe=True)


def test_a_person_closes_it_and_is_named() -> None:
    fail(A, 6)
    assert reset_breaker(A, by="anna") is True
    assert reset_breaker(A, by="anna") is False
    assert reset_breaker("never.opened", by="anna") is False
    event = BreakerEvent.objects.latest("id")
    assert (event.from_state, event.to_state, event.by) == ("open", "closed", "anna")
    assert BreakerEvent.objects.count() == 2
    assert admit(A, uuid4()) == Admitted()


def test_a_rolled_back_claim_was_no_probe() -> None:
    fail(A, 6)
    let_pause_pass(A)
    with transaction.atomic():
        admit(A, uuid4())
        transaction.set_rollback(True)
    assert state_of(A) == "open"
    assert admit(A, uuid4()) == Admitted(is_probe=True)


def test_what_is_open_is_found_with_whether_a_probe_may_pass() -> None:
    fail(A, 6)
    [opening] = find_openings()
    assert (opening.agent, opening.may_probe) == (A, False)
    assert opening.until is not None
    let_pause_pass(A)
    [opening] = find_openings()
    assert (opening.may_probe, opening.until) == (True, None)
    let_probe_pass(A)
    [opening] = find_openings()
    assert (opening.may_probe, opening.until) == (False, None)


def test_success_of_a_healthy_agent_asks_the_database_nothing() -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        note_success(A, uuid4())
        note_unclear(A, uuid4())
        fail(A, kind="permanent")
    assert asked.captured_queries == []


def test_old_counts_are_forgotten() -> None:
    fail(A, 3)
    age_failures(A, 86_000)
    assert forget_failures() == 0
    age_failures(A, 500)
    fail(A)
    assert forget_failures() == 3
    assert CountedFailure.objects.count() == 1


def test_history_is_append_only() -> None:
    fail(A, 6)
    for change in ("UPDATE agents_breakerevent SET by = 'x'", "DELETE FROM agents_breakerevent"):
        with pytest.raises(DatabaseError, match="kept as they were written"), transaction.atomic():
            connection.cursor().execute(change)
    assert changes_of(A) == [("closed", "open")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "ajar"},
        {"state": "open", "until": None},
        {"state": "closed"},
        {"probe_token": uuid4()},
    ],
)
def test_the_database_refuses_a_breaker_that_makes_no_sense(wrong: dict[str, object]) -> None:
    fail(A, 6)
    with pytest.raises(DatabaseError), transaction.atomic():
        Breaker.objects.update(**wrong)


def test_the_claim_s_own_condition_tells_closed_from_open() -> None:
    assert not _is_kept_away_in_sql(A)
    fail(A, 6)
    assert _is_kept_away_in_sql(A)
    let_probe_pass(A)
    assert _is_kept_away_in_sql(A)
    reset_breaker(A, by="anna")
    assert not _is_kept_away_in_sql(A)


def _is_kept_away_in_sql(agent: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM (VALUES (%s)) s(agent) WHERE {is_kept_away('s')}", [agent])
        return cursor.fetchone() is not None


def test_a_probe_that_asks_again_is_still_the_probe() -> None:
    fail(A, 6)
    token = let_probe_pass(A)
    assert admit(A, token) == Admitted(is_probe=True)
    assert changes_of(A) == [("closed", "open"), ("open", "half_open")]
