"""For each guard: what it guards holds, and with the guard taken out the very same check fails.

A check that passes either way would guard nothing.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from agents.invoke import override
from orchestration import dispatch, runs
from orchestration.conf import get_signer
from orchestration.database.statements import BY_KEY
from orchestration.domain.holds import WAY_OF
from orchestration.domain.states import Acceptance, ResolutionKind, RunStatus
from orchestration.domain.summaries import Shortened
from orchestration.domain.work import Chosen
from orchestration.errors import ClaimLost, StepNotHeld
from orchestration.handoff import find_nothing, recording
from orchestration.holds.resolve import _prove
from orchestration.models import Attempt, Event, WorkerProcess
from orchestration.runs import starting
from orchestration.transitions import claim, end, finish, heal, release, resolve, seal
from tests.guards import cut
from tests.integration.orchestration.rig import AGENT, Rig, graph

pytestmark = [pytest.mark.django_db, pytest.mark.breaks_guards]

SPEC = graph({"a": (), "b": (), "behind": ["a"], "join": ["a", "b"]})


def _old_claims_are_refused(write: Callable[[Rig, Any], object]) -> None:
    rig = Rig.begin(SPEC)
    old = rig.take("a")
    rig.free(old)
    rig.take("a")
    try:
        with transaction.atomic():
            write(rig, old)
    except ClaimLost:
        return
    except DatabaseError as error:
        raise AssertionError("only the second net held: one decision per attempt") from error
    raise AssertionError("a write under a lost claim was taken")


def a_late_finish_is_refused() -> None:
    _old_claims_are_refused(lambda rig, old: rig.finish(old))


def a_late_hold_is_refused() -> None:
    _old_claims_are_refused(lambda rig, old: rig.hold(old))


def a_late_retry_is_refused() -> None:
    _old_claims_are_refused(lambda rig, old: rig.retry(old))


def a_late_free_is_refused() -> None:
    _old_claims_are_refused(lambda rig, old: rig.free(old))


def a_late_summary_is_refused() -> None:
    rig = Rig.begin(SPEC)
    rig.work_through("a")
    old = rig.take("behind")
    rig.free(old)
    rig.take("behind")
    summary = Shortened('"s"', "d", 1, "x", "{}")
    with suppress(ClaimLost):
        recording.record_shortened(old, {rig.step("a").pk: summary})
        raise AssertionError("a hand-off of a lost claim was changed")


def a_late_memory_is_refused() -> None:
    rig = Rig.begin(SPEC)
    old = rig.take("a")
    rig.free(old)
    rig.take("a")
    try:
        recording.record_recalled(old, [find_nothing().row])
    except ClaimLost:
        return
    raise AssertionError("a memory was handed to a lost claim")


def a_step_is_claimed_once() -> None:
    rig = Rig.begin(SPEC)
    rig.take("a")
    assert rig.claim("a") is None


def an_unknown_agents_step_is_not_claimed() -> None:
    rig = Rig.begin(SPEC)
    taken = claim.claim_step(rig.step("a").pk, process_id=rig.process_id, task_id="t", agents=["another"])
    assert taken is None


def a_claim_has_its_attempt() -> None:
    rig = Rig.begin(SPEC)
    taken = rig.claim("a")
    assert rig.step("a").status == "running"
    assert taken is not None
    assert Attempt.objects.filter(pk=taken.attempt_id, token=taken.token).exists()


def a_finish_that_nobody_released_is_found() -> None:
    rig = Rig.begin(SPEC)
    rig.finish(rig.take("a"))
    rig.finish(rig.take("b"))  # and here both workers die
    found = heal.find_unreleased(-1.0, 10)
    assert set(found) == {rig.step("a").pk, rig.step("b").pk}


def a_join_waits_for_all() -> None:
    rig = Rig.begin(SPEC)
    rig.work_through("a")
    assert rig.statuses()["join"] == "pending"


def an_approval_counts_once() -> None:
    rig = Rig.begin(SPEC)
    rig.hold(rig.take("a"))
    held = resolve.lock_held_step(rig.step("a").pk)
    resolve.send_back_held_step(held, "shorter", event_json="{}")
    with suppress(StepNotHeld):
        resolve.send_back_held_step(held, "shorter", event_json="{}")
    assert rig.step("a").revision == 1


def an_output_is_settled_once() -> None:
    rig = Rig.begin(SPEC)
    rig.hold(rig.take("a"))
    held = resolve.lock_held_step(rig.step("a").pk)
    final = _prove(held, Chosen(WAY_OF[ResolutionKind.EDIT], "person:ada", "1", "1"))
    how: dict[str, Any] = {"accepted_by": Acceptance.PERSON, "reason": "", "event_json": "{}"}
    resolve.settle_held_step(held, final, **how)
    try:
        with transaction.atomic(), suppress(StepNotHeld):
            resolve.settle_held_step(held, final, **how)
    except DatabaseError as error:
        raise AssertionError("only the second net held: one receipt per revision") from error
    assert rig.events("a").count("step_resolved") == 1


def an_approval_starts_no_join_too_early() -> None:
    rig = Rig.begin(SPEC)
    rig.hold(rig.take("a"))
    runs.resolve_step(rig.step("a").pk, kind=ResolutionKind.APPROVE, actor="ada", resolution_id="1")
    assert rig.statuses() == {"a": "succeeded", "b": "available", "behind": "available", "join": "pending"}


def a_decided_step_is_locked_for_nobody() -> None:
    rig = Rig.begin(SPEC)
    rig.hold(rig.take("a"))
    runs.resolve_step(rig.step("a").pk, kind=ResolutionKind.SKIP, actor="ada", resolution_id="1")
    with suppress(StepNotHeld):
        resolve.lock_held_step(rig.step("a").pk)
        raise AssertionError("a step that was decided was taken for held")


def a_run_closes_once() -> None:
    rig = Rig.begin(graph({"a": ()}))
    rig.work_through("a")
    with transaction.atomic():
        try:
            again = seal.close_run(rig.run_id, RunStatus.FAILED, get_signer())
        except DatabaseError as error:
            raise AssertionError("the second close wrote") from error
    assert not again
    assert rig.run.status == "succeeded"


def an_ended_run_is_not_claimed() -> None:
    rig = Rig.begin(SPEC)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orchestration_run SET status = 'failed', finished_at = now() WHERE id = %s", [rig.run_id]
        )
    assert rig.claim("a") is None


def a_dead_process_claims_nothing() -> None:
    rig = Rig.begin(SPEC)
    WorkerProcess.objects.filter(pk=rig.process_id).update(stopped_at=Now(), died=True)
    assert rig.claim("a") is None


def history_is_append_only() -> None:
    rig = Rig.begin(SPEC)
    with pytest.raises(DatabaseError), transaction.atomic():
        Event.objects.filter(run=rig.run_id).update(kind="forged")
    assert list(rig.run.events.values_list("kind", flat=True)) == ["run_started"]


def a_message_is_sent_after_the_commit_only() -> None:
    sent: list[list[int]] = []

    def record(step_ids: list[int]) -> int:
        sent.append(step_ids)
        return len(step_ids)

    with override({AGENT: lambda _task: None}), pytest.MonkeyPatch.context() as patched:
        patched.setattr(dispatch, "dispatch", record)
        runs.publish(SPEC)
        runs.start(SPEC.name, {})  # inside the test's transaction, which never commits
    assert sent == []


@dataclass(frozen=True)
class Mutant:
    """One guard, where it stands, and what stands there without it."""

    check: Callable[[], None]
    module: Any
    name: str
    guard: str
    instead: str = ""


_TOKEN = " AND s.token = g.token"
_MUTANTS = [
    Mutant(a_late_finish_is_refused, finish, "_FINISH", " AND s.token = g.token"),
    Mutant(a_late_hold_is_refused, end, "_HOLD", _TOKEN),
    Mutant(a_late_retry_is_refused, end, "_RETRY", _TOKEN),
    Mutant(a_late_free_is_refused, end, "_FREE", _TOKEN),
    Mutant(a_late_summary_is_refused, recording, "_SUMMARISED", " AND s.token = %(token)s"),
    Mutant(a_late_memory_is_refused, recording, "_ADDED", " AND s.token = %(token)s"),
    Mutant(a_step_is_claimed_once, claim, "_CLAIM", "AND s.status = 'available' " + BY_KEY + " "),
    Mutant(an_unknown_agents_step_is_not_claimed, claim, "_CLAIM", "AND s.agent = ANY(g.agents)"),
    Mutant(an_ended_run_is_not_claimed, claim, "_CLAIM", "r.status = 'running' " + BY_KEY, "true"),
    Mutant(a_dead_process_claims_nothing, claim, "_CLAIM", " AND w.stopped_at IS NULL"),
    Mutant(
        a_claim_has_its_attempt,
        claim,
        "_CLAIM",
        "FROM claimed RETURNING id, step_id",
        "FROM claimed WHERE false RETURNING id, step_id",
    ),
    Mutant(a_finish_that_nobody_released_is_found, finish, "_FINISH", finish.LOOK_BEHIND, "false"),
    Mutant(an_approval_counts_once, resolve, "_SEND_BACK", " AND s.status = 'held'"),
    Mutant(an_output_is_settled_once, resolve, "_SETTLE", " AND s.status = 'held'"),
    Mutant(an_approval_starts_no_join_too_early, resolve, "_SETTLE", " AND n.predecessor_count = 1"),
    Mutant(a_decided_step_is_locked_for_nobody, resolve, "_LOCK_HELD", " AND s.status = 'held'"),
]


@pytest.mark.parametrize("mutant", _MUTANTS, ids=lambda mutant: f"{mutant.check.__name__}")
def test_a_guard_is_missed_when_it_is_gone(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.check()
    without = cut(getattr(mutant.module, mutant.name), mutant.guard, mutant.instead)
    monkeypatch.setattr(mutant.module, mutant.name, without)
    _must_fail(mutant.check)


def _must_fail(check: Callable[[], None]) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check()


def test_without_the_look_at_all_predecessors_a_join_would_start_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_join_waits_for_all()
    for name in ("_LOOK", "_RELEASE"):
        monkeypatch.setattr(release, name, cut(getattr(release, name), release.NOTHING_OPEN_BEFORE, "true"))
    _must_fail(a_join_waits_for_all)


def test_without_the_edges_a_run_would_close_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    a_run_closes_once()
    monkeypatch.setattr(seal, "RUN_EDGES", {(one, two): "" for one in RunStatus for two in RunStatus})
    _must_fail(a_run_closes_once)


def test_without_the_commit_a_message_would_be_sent_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a_message_is_sent_after_the_commit_only()
    monkeypatch.setattr(starting, "dispatch_after_commit", lambda released: dispatch.dispatch(list(released)))
    _must_fail(a_message_is_sent_after_the_commit_only)


def test_without_its_trigger_history_could_be_changed() -> None:
    history_is_append_only()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP TRIGGER event_is_kept ON orchestration_event")
    _must_fail(history_is_append_only)
