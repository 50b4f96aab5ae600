"""Two connections at one step: whoever comes first wins, the other writes nothing, and the run stays whole.

Each race is made, not awaited: the first has acted and not committed when the second runs into its lock.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from orchestration import runs
from orchestration.conf import get_signer
from orchestration.domain.states import FINAL, ResolutionKind, RunStatus, StepStatus
from orchestration.domain.work import Claim
from orchestration.errors import ClaimLost, StepNotHeld
from orchestration.holds import resolve_step
from orchestration.models import Attempt, Event, Receipt
from orchestration.transitions.finish import new_run_on
from orchestration.transitions.heal import wake_now
from orchestration.transitions.release import look_behind, release_behind
from orchestration.transitions.seal import close_run
from tests.integration.orchestration.rig import AGENT, Rig, graph, in_thread, race

pytestmark = pytest.mark.usefixtures("committed_db")

SPEC = graph({"a": (), "b": (), "behind": ["a"], "join": ["a", "b"]})
REFUSED = object()


class _Scene:
    """Step `a` in some state, and everything that can happen to it from there."""

    def __init__(self, state: StepStatus) -> None:
        self.rig = Rig.begin(SPEC)
        self.other = self.rig.take("b")
        self.mine: Claim | None = None if state is StepStatus.AVAILABLE else self.rig.take("a")
        if state is StepStatus.HELD:
            self.rig.hold(self._claim())
        if state is StepStatus.RETRYABLE:
            self.rig.retry(self._claim())
        self.a = self.rig.step("a")
        assert self.a.status == state

    def _claim(self) -> Claim:
        assert self.mine is not None
        return self.mine

    def act(self, name: str) -> Any:
        """Do what is named; REFUSED when nothing was written."""
        try:
            done = getattr(self, name)()
        except (ClaimLost, StepNotHeld):
            return REFUSED
        return REFUSED if done is None or done == [] else done

    def claim(self) -> Any:
        return self.rig.claim("a")

    def finish(self) -> Any:
        return self.rig.finish(self._claim())

    def run_on(self) -> Any:
        return self.rig.finish(self._claim(), run_on=new_run_on(self.rig.step("behind").pk, "task", [AGENT]))

    def hold(self) -> Any:
        return self.rig.hold(self._claim())

    def retry(self) -> Any:
        return self.rig.retry(self._claim())

    def free(self) -> Any:
        return self.rig.free(self._claim())

    def fail(self) -> Any:
        return self.rig.fail(self._claim())

    def abort(self) -> Any:
        """End the run from its other step."""
        return self.rig.fail(self.other)

    def wake(self) -> Any:
        # A retry that an earlier test left behind may come due at this very moment.
        return [step for step in wake_now(self.rig.run_id) if step == self.a.pk]

    def approve(self) -> Any:
        return self._resolve(ResolutionKind.APPROVE)

    def skip(self) -> Any:
        return self._resolve(ResolutionKind.SKIP)

    def send_back(self) -> Any:
        return self._resolve(ResolutionKind.SEND_BACK)

    def person_aborts(self) -> Any:
        return self._resolve(ResolutionKind.ABORT)

    def _resolve(self, kind: ResolutionKind) -> str:
        with transaction.atomic():
            resolve_step(self.a.pk, kind=kind, actor="anna", resolution_id="t1", feedback="shorter")
        return kind


S = StepStatus
# From each state: what can happen, and where it leads.
_ACTS: dict[StepStatus, dict[str, StepStatus]] = {
    S.AVAILABLE: {"claim": S.RUNNING, "abort": S.CANCELLED},
    S.RUNNING: {
        "finish": S.SUCCEEDED,
        "run_on": S.SUCCEEDED,
        "hold": S.HELD,
        "retry": S.RETRYABLE,
        "free": S.AVAILABLE,
        "fail": S.FAILED,
        "abort": S.CANCELLED,
    },
    S.RETRYABLE: {"wake": S.AVAILABLE, "abort": S.CANCELLED},
    S.HELD: {
        "approve": S.SUCCEEDED,
        "skip": S.SKIPPED,
        "send_back": S.AVAILABLE,
        "person_aborts": S.FAILED,
        "abort": S.CANCELLED,
    },
}
_RACES = [
    pytest.param(state, first, second, id=f"{state}: {first} before {second}")
    for state, acts in _ACTS.items()
    for first in acts
    for second in acts
    if not first == second == "abort"
]


@pytest.mark.parametrize(("state", "first", "second"), _RACES)
def test_the_first_wins_and_the_second_writes_nothing(state: StepStatus, first: str, second: str) -> None:
    scene = _Scene(state)

    answer = race(lambda: scene.act(first), lambda: scene.act(second))

    after_first = _ACTS[state][first]
    # The end of the run takes along whatever is still open; everything else comes too late.
    is_whole_end = second == "abort" and scene.rig.run.status == RunStatus.FAILED and first not in _ENDS
    assert (answer is not REFUSED) is is_whole_end
    expected = S.CANCELLED if is_whole_end and after_first not in FINAL else after_first
    assert scene.rig.step("a").status == expected
    _check_whole(scene.rig)


_ENDS = {"abort", "fail", "person_aborts"}


def _check_whole(rig: Rig) -> None:
    """Check what must hold whatever happened: one final event, one live attempt, a proof that verifies."""
    for step in rig.run.steps.all():
        final = [kind for kind in rig.events(step.key) if kind in _FINAL_EVENTS]
        live = Attempt.objects.filter(step=step, outcome=None).count()
        receipts = Receipt.objects.filter(step=step).count()
        assert len(final) <= 1
        assert live == (1 if step.status == S.RUNNING else 0), f"{step.key} is {step.status}"
        assert receipts == (1 if step.status in (S.SUCCEEDED, S.SKIPPED) else 0)
    if rig.run.status != RunStatus.RUNNING:
        assert {step.status for step in rig.run.steps.all()} <= FINAL
    assert rig.fault() is None


_FINAL_EVENTS = {"step_succeeded", "step_skipped", "step_failed", "step_cancelled"}


def test_two_finishers_make_a_join_available_exactly_once() -> None:
    rig = Rig.begin(SPEC)
    rig.finish(rig.take("a"))
    rig.finish(rig.take("b"))

    released = []
    later = race(lambda: released.extend(rig.release("a")), lambda: rig.release("b"))

    assert [item.step_id for item in [*released, *later]] == [rig.step("join").pk]
    assert rig.step("join").status == S.AVAILABLE
    assert rig.step("join").dispatches == 1


def test_the_last_of_two_simultaneous_finishers_sees_the_other() -> None:
    """Both finish before either commits; whoever looks second finds the join ready."""
    rig = Rig.begin(SPEC)
    first, second = rig.take("a"), rig.take("b")
    with transaction.atomic():
        rig.finish(first)
        in_thread(lambda: rig.finish(second)).result(timeout=20)
        assert in_thread(lambda: rig.release("b")).result(timeout=20) == []
        assert rig.statuses()["join"] == S.PENDING
    assert [item.step_id for item in rig.release("a")] == [rig.step("join").pk]
    assert rig.release("b") == []
    assert rig.release("a") == []


def test_a_run_is_closed_once() -> None:
    rig = Rig.begin(graph({"a": (), "b": ()}))
    rig.finish(rig.take("a"))
    rig.finish(rig.take("b"))
    closing: Callable[[], bool] = lambda: close_run(rig.run_id, RunStatus.SUCCEEDED, get_signer())  # noqa: E731

    closed = []
    later = race(lambda: closed.append(closing()), closing)

    assert (closed, later) == ([True], False)
    assert Event.objects.filter(run=rig.run_id, kind="run_closed").count() == 1
    assert rig.run.seals.count() == 1
    assert rig.fault() is None


def test_a_pause_between_the_look_at_a_run_and_its_close_leaves_the_close_to_the_resume() -> None:
    # given: somebody saw that all of a run that is not paused is done, and is about to close it
    rig = Rig.begin(graph({"a": ()}))
    rig.finish(rig.take("a"))
    done = rig.step("a").pk
    behind = look_behind([done])[done]
    assert (behind.ends_run, behind.run_status) == (True, RunStatus.RUNNING)

    released = race(lambda: runs.pause(rig.run_id), lambda: release_behind(done, behind, get_signer()))

    assert released == []
    assert (rig.run.status, rig.run.finished_at, rig.run.seals.count()) == (RunStatus.PAUSED, None, 0)
    assert not Event.objects.filter(run=rig.run_id, kind="run_closed").exists()
    assert runs.resume(rig.run_id).status == RunStatus.SUCCEEDED
    assert Event.objects.filter(run=rig.run_id, kind="run_closed").count() == 1
    assert rig.fault() is None


def test_two_aborts_are_one() -> None:
    rig = Rig.begin(SPEC)
    one, two = rig.take("a"), rig.take("b")

    def abort_again() -> bool:
        try:
            rig.fail(two)
        except ClaimLost:
            return False
        return True

    assert race(lambda: rig.fail(one), abort_again) is False
    assert rig.statuses() == {"a": S.FAILED, "b": S.CANCELLED, "behind": S.CANCELLED, "join": S.CANCELLED}
    _check_whole(rig)


def test_one_key_from_twenty_threads_starts_one_run() -> None:
    rig = Rig.begin(SPEC)
    before, key = {rig.run_id}, str(rig.run_id)
    answers = [in_thread(lambda: runs.start(SPEC.name, {"n": 1}, idempotency_key=key).pk) for _ in range(20)]
    ids = {answer.result(timeout=30) for answer in answers}
    assert len(ids) == 1
    assert not ids & before
    assert runs.get_run(ids.pop()).steps.count() == 4
