"""Several steps finished in one statement: each as if it were alone, and none the worse for another's fault."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from orchestration.conf import get_signer
from orchestration.domain.work import Claim, Released
from orchestration.errors import ClaimLost
from orchestration.executor import together
from orchestration.executor.conclusion import Conclusion
from orchestration.executor.gathering import Gathering
from orchestration.models import Attempt, Event, Handoff, Receipt, Step, Usage
from orchestration.transitions import finish
from orchestration.transitions.claim import claim_steps
from orchestration.transitions.finish import Written, new_run_on, write_finishes
from orchestration.transitions.release import look_behind, release_behind
from tests.guards import cut
from tests.integration.orchestration.rig import AGENT, Rig, answer, graph, in_thread
from tests.processes import wait_for

_PERFORM: Any = import_module("orchestration.executor.pipeline")
CHAIN = graph({"a": (), "b": ["a"]})
_PATIENCE_SECONDS = 20.0


class Group:
    """Makes the finishes of several threads one statement: the first one waits until the others have come."""

    def __init__(self, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.write: Callable[[list[str]], Written] = together._finish_all
        self.held: list[object] = []
        self._size = size
        self._first = Rig.begin(graph({"first": ()}))
        self._come = threading.Semaphore(0)
        monkeypatch.setattr(together, "_FINISHES", Gathering(self._act, most=32, step_aside=self._step_aside))

    def _step_aside(self) -> None:
        together._give_back_connection()
        self.held.append(connection.connection)
        self._come.release()

    def _act(self, lines: list[str]) -> Written:
        self.sizes.append(len(lines))
        if len(self.sizes) > 1:
            return self.write(lines)
        for _ in range(self._size):
            assert self._come.acquire(timeout=_PATIENCE_SECONDS)
        return together._finish_all(lines)

    def finish(self, *acts: Callable[[], Conclusion]) -> list["Future[Conclusion]"]:
        """Finish a run's only step first, and what is asked for while that is under way together."""
        asked = [in_thread(lambda: self._first.finish(self._first.take("first")))]
        _wait(lambda: self.sizes == [1])
        asked += [in_thread(act) for act in acts]
        asked[0].result(_PATIENCE_SECONDS)
        return asked[1:]


def _wait(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def _finishing(rig: Rig, claim: Claim, value: Any, *, runs_on: bool = False) -> Callable[[], Conclusion]:
    wish = new_run_on(rig.step("b").pk, f"task-{value}", [AGENT]) if runs_on else None
    return lambda: rig.finish(claim, value, run_on=wish)


def _begin(count: int) -> list[tuple[Rig, Claim]]:
    rigs = [Rig.begin(CHAIN) for _ in range(count)]
    return [(rig, rig.take("a")) for rig in rigs]


def _check_finished(rig: Rig, value: Any) -> None:
    step = rig.step("a")
    assert (step.status, step.output) == ("succeeded", value)
    assert rig.events("a") == ["step_claimed", "step_succeeded"]
    assert Receipt.objects.get(step=step).digest == step.receipt_digest
    assert Attempt.objects.get(step=step).outcome == "answered"


def test_what_other_rooms_write_with_a_finish_is_written_by_threads_too() -> None:
    rig, claim = _begin(1)[0]
    said = replace(answer({"n": 1}), usage={"input_tokens": 5})

    in_thread(lambda: rig.conclude(claim, said)).result(_PATIENCE_SECONDS)

    assert [(row.attempt_id, row.input_tokens) for row in Usage.objects.all()] == [(claim.attempt_id, 5)]


def test_each_step_of_a_group_gets_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(3, monkeypatch)
    begun = _begin(3)
    acts = [_finishing(rig, claim, n, runs_on=n < 2) for n, (rig, claim) in enumerate(begun)]
    conclusions = [one.result(_PATIENCE_SECONDS) for one in group.finish(*acts)]

    assert group.sizes == [1, 3]
    assert group.held == [None] * 4  # who waits, or has led, leaves its connection to others
    for n, ((rig, _), conclusion) in enumerate(zip(begun, conclusions, strict=True)):
        _check_finished(rig, n)
        following, finished = rig.step("b"), conclusion.finished
        assert finished is not None
        assert not finished.look_behind
        if n == 2:  # did not ask to run on
            assert finished.next_claim is None
            assert [item.step_id for item in finished.released] == [following.pk]
            following_claim = rig.take("b")
        else:
            assert finished.next_claim is not None
            assert finished.released == ()
            following_claim = finished.next_claim
            assert following_claim.task_id == f"task-{n}"
            attempt = Attempt.objects.get(pk=following_claim.attempt_id)
            assert (attempt.step_id, attempt.token) == (following.pk, following.token)
            assert rig.events("b") == ["step_claimed"]
        assert following_claim.token == rig.step("b").token
        assert [before.output_json for before in following_claim.predecessors] == [str(n)]
        handed = Handoff.objects.get(to_step=following)
        assert (handed.from_step_id, handed.digest) == (rig.step("a").pk, rig.step("a").output_digest)
        rig.finish(following_claim)
        rig.release("b")
        assert rig.run.status == "succeeded"
        assert rig.fault() is None


def test_who_lost_the_claim_is_told_so_and_the_others_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(3, monkeypatch)
    begun = _begin(3)
    late, _ = begun[1]
    late.free(begun[1][1])
    ends = group.finish(*[_finishing(rig, claim, n) for n, (rig, claim) in enumerate(begun)])

    with pytest.raises(ClaimLost):
        ends[1].result(_PATIENCE_SECONDS)
    for n in (0, 2):
        ends[n].result(_PATIENCE_SECONDS)
        _check_finished(begun[n][0], n)
    assert late.statuses()["a"] == "available"
    assert not Receipt.objects.filter(step=late.step("a")).exists()


def test_of_two_that_finish_the_same_step_only_the_holder_is_told_it_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group = Group(2, monkeypatch)
    ((rig, early),) = _begin(1)
    rig.free(early)
    holder = rig.take("a")
    first, second = group.finish(_finishing(rig, early, "early"), _finishing(rig, holder, "holder"))

    with pytest.raises(ClaimLost):
        first.result(_PATIENCE_SECONDS)
    second.result(_PATIENCE_SECONDS)
    assert group.sizes == [1, 2]
    assert rig.step("a").output == "holder"
    assert Receipt.objects.filter(step=rig.step("a")).count() == 1


def test_what_one_row_breaks_is_written_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(2, monkeypatch)
    begun = _begin(2)
    (rig, claim), (bad_rig, bad_claim) = begun
    forged = replace(bad_claim, revision=-1)  # no receipt has such a number
    good, bad = group.finish(_finishing(rig, claim, 0), _finishing(bad_rig, forged, 1))

    good.result(_PATIENCE_SECONDS)
    _check_finished(rig, 0)
    with pytest.raises(IntegrityError):
        bad.result(_PATIENCE_SECONDS)
    assert bad_rig.statuses()["a"] == "running"


def _finish_beside_a_lock(group: Group) -> tuple[Rig, Rig, "Future[Conclusion]", bool]:
    """Finish two steps together while somebody holds the row of one; return whether the other was done meanwhile."""
    (rig, claim), (locked, locked_claim) = _begin(2)
    with transaction.atomic():
        Step.objects.select_for_update().get(pk=locked.step("a").pk)
        good, waiting = group.finish(_finishing(rig, claim, 0), _finishing(locked, locked_claim, 1))
        try:
            good.result(3)
        except TimeoutError:
            return rig, locked, waiting, False
        assert not waiting.done()
    return rig, locked, waiting, True


def test_a_row_that_somebody_holds_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(2, monkeypatch)
    rig, locked, waiting, was_done = _finish_beside_a_lock(group)
    assert was_done
    waiting.result(_PATIENCE_SECONDS)
    _check_finished(rig, 0)
    _check_finished(locked, 1)


def test_without_the_limit_of_their_patience_they_would_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = "set_config('lock_timeout', '250ms', true) <> ''"
    monkeypatch.setattr(finish, "_FINISH", cut(finish._FINISH, limit, "true"))
    group = Group(2, monkeypatch)
    _, _, waiting, was_done = _finish_beside_a_lock(group)
    assert not was_done
    waiting.result(_PATIENCE_SECONDS)


@pytest.mark.parametrize("lands", [True, False])
def test_an_answer_that_was_lost_is_read_by_each(monkeypatch: pytest.MonkeyPatch, lands: bool) -> None:
    group = Group(3, monkeypatch)

    def write(lines: list[str]) -> Written:
        if lands:
            write_finishes(lines)
        raise OperationalError("server closed the connection unexpectedly")

    group.write = write
    begun = _begin(3)
    acts = [_finishing(rig, claim, n, runs_on=n < 2) for n, (rig, claim) in enumerate(begun)]
    conclusions = [one.result(_PATIENCE_SECONDS) for one in group.finish(*acts)]
    assert group.sizes == [1, 3]
    for n, ((rig, _), conclusion) in enumerate(zip(begun, conclusions, strict=True)):
        _check_finished(rig, n)
        following = rig.step("b")
        assert conclusion.finished is not None
        taken = conclusion.finished.next_claim
        assert (taken.token if taken else None) == following.token
        assert following.status == ("running" if n < 2 else "available")
        assert Attempt.objects.filter(step=following).count() == (1 if n < 2 else 0)


def test_some_steps_go_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: list[str]) -> Written:
        raise AssertionError("it was gathered")

    monkeypatch.setattr(together, "_FINISHES", Gathering(refuse, most=1, step_aside=lambda: None))

    def finish_in_transaction() -> None:
        with transaction.atomic():
            rig.finish(claim, 0)

    (rig, claim), (long_rig, long_claim), (main_rig, main_claim) = _begin(3)
    in_thread(finish_in_transaction).result(_PATIENCE_SECONDS)
    _check_finished(rig, 0)
    in_thread(lambda: long_rig.finish(long_claim, "x" * 70_000)).result(_PATIENCE_SECONDS)
    _check_finished(long_rig, "x" * 70_000)
    main_rig.finish(main_claim, 0)  # on the main thread, where a signal might stop it while it leads
    _check_finished(main_rig, 0)


def test_a_join_is_released_by_one_of_those_that_finished_it_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = Rig.begin(graph({"a": (), "b": (), "c": (), "join": ["a", "b", "c"]}))
    group = Group(3, monkeypatch)
    claims = {key: rig.take(key) for key in "abc"}
    for end in group.finish(*[_finishing(rig, claim, key) for key, claim in claims.items()]):
        finished = end.result(_PATIENCE_SECONDS).finished
        assert finished is not None
        assert finished.look_behind
    seen = look_behind([claim.step_id for claim in claims.values()])
    assert sorted(len(behind.ready) for behind in seen.values()) == [0, 0, 1]
    released = [
        item for step_id, behind in seen.items() for item in release_behind(step_id, behind, get_signer())
    ]
    assert [item.step_id for item in released] == [rig.step("join").pk]
    assert not Step.objects.filter(run=rig.run_id, unreleased=True).exists()
    assert Event.objects.filter(run=rig.run_id, kind="step_succeeded").count() == 3


def _gather(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    count: int,
    first: Callable[[list[Any]], Any],
    then: Callable[[list[Any]], Any],
) -> list[int]:
    """Let the first thing wait until so many others have come; return how many were done at once each time."""
    sizes: list[int] = []
    come = threading.Semaphore(0)

    def act(items: list[Any]) -> Any:
        sizes.append(len(items))
        if len(sizes) > 1:
            return then(items)
        for _ in range(count):
            assert come.acquire(timeout=_PATIENCE_SECONDS)
        return first(items)

    monkeypatch.setattr(together, name, Gathering(act, most=32, step_aside=come.release))
    return sizes


def _claim(rig: Rig, key: str = "a", task_id: str = "task") -> Callable[[], Claim | None]:
    step_id = rig.step(key).pk
    return lambda: together.claim_together(
        step_id, process_id=rig.process_id, task_id=task_id, agents=[AGENT], token=uuid4()
    )


def _claim_together(
    monkeypatch: pytest.MonkeyPatch,
    *acts: Callable[[], Claim | None],
    write: Callable[[list[str]], Any] = together._claim_all,
) -> list[Claim | None]:
    """Have one step claimed first, and what is asked for while that is under way together."""
    sizes = _gather(monkeypatch, "_CLAIMS", len(acts), claim_steps, write)
    first = in_thread(_claim(Rig.begin(CHAIN)))
    _wait(lambda: sizes == [1])
    asked = [in_thread(act) for act in acts]
    assert first.result(_PATIENCE_SECONDS) is not None
    claims = [one.result(_PATIENCE_SECONDS) for one in asked]
    assert sizes == [1, len(acts)]
    return claims


def _check_claimed(rig: Rig, key: str, claim: Claim | None, task_id: str) -> None:
    step = rig.step(key)
    assert claim is not None
    assert (step.status, step.token, claim.step_id) == ("running", claim.token, step.pk)
    attempt = Attempt.objects.get(step=step)
    assert (attempt.pk, attempt.token, attempt.task_id) == (claim.attempt_id, claim.token, task_id)
    assert rig.events(key) == ["step_claimed"]
    assert claim.run.run_id == rig.run_id


def test_each_claim_of_a_group_gets_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = Rig.begin(graph({"a": (), "b": (), "join": ["a", "b"]}))
    joined.work_through("a", "b")
    single, stale = Rig.begin(CHAIN), Rig.begin(CHAIN)
    held = stale.take("a")
    claims = _claim_together(
        monkeypatch, _claim(joined, "join", "one"), _claim(single, "a", "two"), _claim(stale, "a", "three")
    )

    _check_claimed(joined, "join", claims[0], "one")
    _check_claimed(single, "a", claims[1], "two")
    assert claims[2] is None
    assert stale.step("a").token == held.token
    assert claims[0] is not None
    assert claims[1] is not None
    assert [before.output_json for before in claims[0].predecessors] == ['{"of":"a"}', '{"of":"b"}']
    assert claims[1].predecessors == ()
    handed = Handoff.objects.filter(to_step=joined.step("join"))
    assert set(handed.values_list("attempt_id", "from_step__key")) == {
        (claims[0].attempt_id, "a"),
        (claims[0].attempt_id, "b"),
    }


def test_of_two_that_want_the_same_step_one_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig.begin(CHAIN)
    claims = _claim_together(monkeypatch, _claim(rig, task_id="one"), _claim(rig, task_id="two"))
    (winner,) = [number for number, claim in enumerate(claims) if claim is not None]
    _check_claimed(rig, "a", claims[winner], ["one", "two"][winner])


@pytest.mark.parametrize("lands", [True, False])
def test_claims_whose_answer_was_lost_are_found(monkeypatch: pytest.MonkeyPatch, lands: bool) -> None:
    def write(lines: list[str]) -> Any:
        if lands:
            claim_steps(lines)
        raise OperationalError("server closed the connection unexpectedly")

    rigs = [Rig.begin(CHAIN) for _ in range(3)]
    claims = _claim_together(monkeypatch, *[_claim(rig) for rig in rigs], write=write)
    for rig, claim in zip(rigs, claims, strict=True):
        _check_claimed(rig, "a", claim, "task")


def test_who_meets_a_lock_alone_does_not_hold_up_those_that_come() -> None:
    """Nobody is with it when it begins; others come while it waits."""
    (rig, claim), (locked, locked_claim) = _begin(2)
    fresh, taken = Rig.begin(CHAIN), Rig.begin(CHAIN)
    with transaction.atomic():
        list(Step.objects.select_for_update().filter(run__in=[locked.run_id, taken.run_id]))
        waiting: list[Future[Any]] = [
            in_thread(_finishing(locked, locked_claim, 1)),
            in_thread(_claim(taken)),
        ]
        wait_for(lambda: _count_waiting() == 2, what="both to wait for a lock")
        in_thread(_finishing(rig, claim, 0)).result(5)
        assert in_thread(_claim(fresh)).result(5) is not None
        assert not any(one.done() for one in waiting)
    assert [one.result(_PATIENCE_SECONDS) is not None for one in waiting] == [True, True]
    _check_finished(rig, 0)
    _check_finished(locked, 1)


def _count_waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


def _outlive(write: Callable[[list[str]], Any]) -> Callable[[list[str]], Any]:
    """Return a write whose connection breaks at once, while the server goes on until somebody waits for its locks."""

    def lose(lines: list[str]) -> Any:
        written = threading.Event()

        def serve() -> None:
            with transaction.atomic():
                write(lines)
                written.set()
                wait_for(_count_waiting, what="somebody to wait for the lost statement's locks")

        in_thread(serve)
        assert written.wait(_PATIENCE_SECONDS)
        raise OperationalError("server closed the connection unexpectedly")

    return lose


@pytest.mark.parametrize("size", [1, 3])
def test_a_finish_that_outlives_its_connection_is_still_ours(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    group = Group(size, monkeypatch)
    group.write = _once(_outlive(write_finishes), together._finish_all)
    begun = _begin(size)
    acts = [_finishing(rig, claim, n, runs_on=True) for n, (rig, claim) in enumerate(begun)]
    for end, (n, (rig, _)) in zip(group.finish(*acts), enumerate(begun), strict=True):
        finished = end.result(_PATIENCE_SECONDS).finished
        _check_finished(rig, n)
        assert finished is not None
        assert finished.next_claim is not None
        assert finished.next_claim.token == rig.step("b").token


def test_claims_that_outlive_their_connection_are_still_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    rigs = [Rig.begin(CHAIN) for _ in range(3)]
    claims = _claim_together(monkeypatch, *[_claim(rig) for rig in rigs], write=_outlive(claim_steps))
    for rig, claim in zip(rigs, claims, strict=True):
        _check_claimed(rig, "a", claim, "task")


def test_a_lonely_claim_that_outlives_its_connection_is_still_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    write = _once(_outlive(claim_steps), together._claim_all)
    monkeypatch.setattr(together, "_CLAIMS", Gathering(write, most=32, step_aside=lambda: None))
    rig = Rig.begin(CHAIN)
    step_id = rig.step("a").pk
    claim = in_thread(lambda: _PERFORM._claim(step_id, "task", rig.process_id, [AGENT])).result(
        _PATIENCE_SECONDS
    )
    _check_claimed(rig, "a", claim, "task")


def _once(first: Callable[[list[str]], Any], then: Callable[[list[str]], Any]) -> Callable[[list[str]], Any]:
    calls = iter([first])

    def write(lines: list[str]) -> Any:
        return next(calls, then)(lines)

    return write


def _break(_: list[int]) -> Any:
    raise OperationalError("server closed the connection unexpectedly")


def _release(rig: Rig, key: str) -> "Future[list[Released]]":
    step_id = rig.step(key).pk
    return in_thread(lambda: together.release_together(step_id, get_signer()))


@pytest.mark.parametrize("fails", [False, True])
def test_threads_that_look_together_release_a_join_once(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    rigs = [Rig.begin(graph({"a": (), "b": (), "join": ["a", "b"]})) for _ in range(2)]
    for rig in rigs:
        for key in "ab":
            rig.finish(rig.take(key), key)
    sizes = _gather(monkeypatch, "_LOOKS", 4, look_behind, _break if fails else look_behind)
    done = Rig.begin(graph({"only": ()}))
    done.finish(done.take("only"))
    asked = [_release(done, "only")]
    _wait(lambda: sizes == [1])
    asked += [_release(rig, key) for rig in rigs for key in "ab"]
    released = [item.step_id for one in asked for item in one.result(_PATIENCE_SECONDS)]

    assert sizes == [1, 4]
    assert sorted(released) == sorted(rig.step("join").pk for rig in rigs)
    assert done.run.status == "succeeded"
    assert not Step.objects.filter(run__in=[rig.run_id for rig in rigs], unreleased=True).exists()
