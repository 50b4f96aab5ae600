"""Orders meet claims, writes, releases, holds, decisions and growing: two connections, each order first and second.

Each race is made, not awaited: the first has acted and not committed when the second runs into its lock, or reads what
was before. Whatever comes first, the run ends whole: one end a step and round, no live attempt of a step that does not
run, a proof that verifies, and nothing that is claimed in a run that was cancelled.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents.domain.invocation import SentBack
from agents.invoke import override
from escalation.errors import TicketWithdrawn
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.domain.states import FINAL, LIVE_RUN, ResolutionKind, RunStatus, StepStatus
from orchestration.domain.work import Claim
from orchestration.errors import ClaimLost, OrchestrationError
from orchestration.executor import conclude
from orchestration.executor.prepare import get_step_spec, load_facts, prepare
from orchestration.models import Attempt, Run, Step
from orchestration.transitions.finish import new_run_on
from orchestration.transitions.heal import wake_now
from tests.integration.orchestration.rig import AGENT, Rig, race

pytestmark = pytest.mark.usefixtures("committed_db")

_CHILD = WorkflowSpec(name="order-child", steps=(StepSpec("do", agent=AGENT),))
SPEC = WorkflowSpec(
    name="order-races",
    steps=(
        StepSpec("top", agent=AGENT, max_reworks=5),
        StepSpec("a", agent=AGENT, needs=("top",)),
        StepSpec("b", agent=AGENT, needs=("top",)),
        StepSpec("many", agent=AGENT, for_each="[1, 2]", needs=("top",)),
        StepSpec("child", workflow="order-child", after=("top",)),
        StepSpec("behind", agent=AGENT, needs=("a",)),
        StepSpec("join", agent=AGENT, needs=("a", "b")),
    ),
)
REFUSED = object()


class Scene:
    """A run whose first step is done; `a` in some state; `b`, `many` and `child` claimed when they are wanted."""

    def __init__(self) -> None:
        with override({AGENT: lambda _task: None}):
            runs.publish(_CHILD)
        self.rig = Rig.begin(SPEC)
        self.rig.work_through("top")
        self.claims: dict[str, Claim] = {}
        self.ticket: Ticket

    def take(self, *keys: str) -> "Scene":
        for key in keys:
            self.claims[key] = self.rig.take(key)
        return self

    def act(self, name: str) -> Any:
        """Do what is named; REFUSED when nothing was written."""
        try:
            done = getattr(self, name)()
        except (ClaimLost, TicketWithdrawn):
            return REFUSED
        return REFUSED if done is None or done == [] else done

    # What orders do.
    def cancel(self) -> Any:
        return runs.cancel(self.rig.run_id)

    def pause(self) -> Any:
        return runs.pause(self.rig.run_id)

    def pause_and_resume(self) -> Any:
        runs.pause(self.rig.run_id)
        return runs.resume(self.rig.run_id)

    def resume(self) -> Any:
        return runs.resume(self.rig.run_id)

    def retry(self) -> Any:
        return runs.retry(self.rig.run_id)

    def fork(self) -> Any:
        return runs.fork(self.rig.run_id, from_step="b")

    def rework(self) -> Any:
        return self.conclude("b", SentBack("top", ("again",), AGENT, 1))

    # What workers, the maintainer and people do.
    def claim(self) -> Any:
        return self.rig.claim("a")

    def finish(self) -> Any:
        return self.rig.finish(self.claims["a"])

    def run_on(self) -> Any:
        behind = self.rig.step("behind").pk
        return self.rig.finish(self.claims["a"], run_on=new_run_on(behind, "task", [AGENT]))

    def hold(self) -> Any:
        return self.rig.hold(self.claims["a"])

    def retry_later(self) -> Any:
        return self.rig.retry(self.claims["a"])

    def free(self) -> Any:
        return self.rig.free(self.claims["a"])

    def release(self) -> Any:
        return self.rig.release("a")

    def wake(self) -> Any:
        return [step for step in wake_now(self.rig.run_id) if step == self.rig.step("a").pk]

    def approve(self) -> Any:
        return self._resolve(ResolutionKind.APPROVE)

    def send_back(self) -> Any:
        return self._resolve(ResolutionKind.SEND_BACK)

    def expand(self) -> Any:
        return self._grow("many")

    def start_child(self) -> Any:
        return self._grow("child")

    def _resolve(self, kind: ResolutionKind) -> Any:
        anna, number = self.ticket.claimed_by, self.ticket.claim_number
        assert anna is not None
        feedback = "shorter" if kind is ResolutionKind.SEND_BACK else ""
        return resolve_ticket(
            self.ticket.pk, anna, kind, claim_number=number, seen_digest=None, feedback=feedback
        )

    def _grow(self, key: str) -> Any:
        claim = self.claims[key]
        prepared = prepare(claim)
        return conclude(claim, prepared.spec, prepared.facts, prepared.task)  # type: ignore[arg-type]

    def conclude(self, key: str, outcome: Any) -> Any:
        """End a claimed step with an answer of its agent's."""
        claim = self.claims[key]
        spec = replace(get_step_spec(claim), for_each=None)
        return conclude(claim, spec, load_facts(claim), outcome)


def running() -> Scene:
    return Scene().take("a", "b")


def _available() -> Scene:
    return Scene().take("b")


def _held() -> Scene:
    scene = running()
    scene.hold()
    anna = User.objects.create_user(f"anna-{scene.rig.run_id}")
    scene.ticket = claim_ticket(Ticket.objects.get(step=scene.rig.step("a")).pk, anna)
    return scene


def _retryable() -> Scene:
    scene = running()
    scene.retry_later()
    return scene


def join_ready() -> Scene:
    """Both before the join are done, nobody has released it; another step can still send work back."""
    scene = Scene().take("a", "b", "many")
    scene.rig.finish(scene.claims["a"])
    scene.rig.finish(scene.claims["b"])
    return scene


def growing() -> Scene:
    return Scene().take("a", "b", "many", "child")


S = StepStatus
_MEETINGS: list[tuple[Callable[[], Scene], str]] = [
    (_available, "claim"),
    (running, "finish"),
    (running, "run_on"),
    (running, "hold"),
    (running, "retry_later"),
    (running, "free"),
    (join_ready, "release"),
    (_retryable, "wake"),
    (_held, "approve"),
    (_held, "send_back"),
    (growing, "expand"),
    (growing, "start_child"),
]
_ORDERS = ("cancel", "pause", "pause_and_resume", "rework")
_CASES = [
    pytest.param(begin, name, order, id=f"{name}, {order}")
    for begin, name in _MEETINGS
    for order in _ORDERS
    # Both before the join are done then; see `test_a_join_is_not_released_by_who_saw_it_before_it_was_reset`.
    if (name, order) != ("release", "rework")
]


@pytest.mark.parametrize(("begin", "name", "order"), _CASES)
def test_an_order_meets_what_comes_after_it(begin: Callable[[], Scene], name: str, order: str) -> None:
    scene = begin()
    came = race(lambda: scene.act(order), lambda: scene.act(name))
    check_whole(scene, order)
    if order in ("cancel", "rework"):
        assert came is REFUSED


@pytest.mark.parametrize(("begin", "name", "order"), _CASES)
def test_an_order_meets_what_came_before_it(begin: Callable[[], Scene], name: str, order: str) -> None:
    scene = begin()
    came = race(lambda: scene.act(name), lambda: scene.act(order))
    assert came is not REFUSED
    check_whole(scene, order)


def check_whole(scene: Scene, order: str) -> None:
    """Check what must hold whatever came first."""
    tree = Run.objects.filter(root_id=scene.rig.run_id)
    for run in tree:
        for step in run.steps.all():
            live = Attempt.objects.filter(step=step, outcome=None).count()
            assert live == (1 if step.status == S.RUNNING else 0), f"{step.key} is {step.status}"
            open_tickets = Ticket.objects.filter(step=step, status="open").count()
            assert open_tickets == (1 if step.status == S.HELD else 0), f"{step.key} is {step.status}"
        assert runs.verify(run.pk).fault is None
    statuses = set(tree.values_list("status", flat=True))
    match order:
        case "cancel":
            assert statuses == {RunStatus.CANCELLED}
            assert set(Step.objects.filter(run__in=tree).values_list("status", flat=True)) <= FINAL
            for key in ("a", "many", "child"):
                assert scene.rig.claim(key) is None
        case "pause":
            assert statuses == {RunStatus.PAUSED}
            assert scene.rig.claim("a") is None
        case "rework":
            assert scene.rig.step("top").status == S.AVAILABLE
            behind = scene.rig.run.steps.filter(parent=None).exclude(key="top")
            assert set(behind.values_list("status", flat=True)) == {S.PENDING}
        case _:
            assert statuses == {RunStatus.RUNNING}


_BY_NAME = [pytest.param(begin, name, id=name) for begin, name in _MEETINGS]


@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("begin", "name"), _BY_NAME)
def test_a_resume_meets_whatever_goes_on_in_a_paused_run(
    begin: Callable[[], Scene], name: str, is_first: bool
) -> None:
    scene = begin()
    scene.pause()
    order, other = scene.resume, lambda: scene.act(name)
    race(*((order, other) if is_first else (other, order)))
    check_whole(scene, "resume")


@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("begin", "name"), _BY_NAME)
def test_a_retry_meets_what_was_under_way_in_the_round_before(
    begin: Callable[[], Scene], name: str, is_first: bool
) -> None:
    scene = begin()
    scene.cancel()
    came: list[Any] = []
    order, other = scene.retry, lambda: came.append(scene.act(name))
    race(*((order, other) if is_first else (other, order)))
    assert scene.rig.run.round == 2
    check_whole(scene, "retry")
    # The new round may claim and release; nothing of the old one counts in it.
    assert came == [REFUSED] or name in ("claim", "release")


@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("begin", "name"), _BY_NAME)
def test_a_fork_meets_whatever_goes_on_in_its_source(
    begin: Callable[[], Scene], name: str, is_first: bool
) -> None:
    scene = begin()
    with override({AGENT: lambda _task: None}):
        order, other = scene.fork, lambda: scene.act(name)
        race(*((order, other) if is_first else (other, order)))
    check_whole(scene, "fork")
    fork = Run.objects.get(forked_from=scene.rig.run_id)
    assert runs.verify(fork.pk).fault is None
    done = {step.key for step in fork.steps.all() if step.status == S.SUCCEEDED}
    assert {"top"} <= done <= {"top", "a"}
    open_now = {step.key for step in fork.steps.all() if step.status == S.AVAILABLE}
    assert open_now == {"b", "many", "child", "behind" if "a" in done else "a"}


def test_a_join_is_not_released_by_who_saw_it_before_it_was_reset() -> None:
    """The release waits for the join's lock; what stands before the join is reset with it meanwhile."""
    scene = join_ready()
    answer = SentBack("top", ("again",), AGENT, 1)
    assert race(lambda: scene.conclude("many", answer), lambda: scene.act("release")) is REFUSED
    assert scene.rig.step("join").status == S.PENDING
    check_whole(scene, "rework")


_PAIRS = [
    ("cancel", "cancel"),
    ("cancel", "pause"),
    ("pause", "cancel"),
    ("pause", "pause"),
    ("pause", "rework"),
    ("rework", "pause"),
    ("cancel", "rework"),
    ("rework", "cancel"),
]


@pytest.mark.parametrize(("first", "second"), _PAIRS)
def test_two_orders_meet(first: str, second: str) -> None:
    scene = running()

    def act(name: str) -> Any:
        try:
            return scene.act(name)
        except OrchestrationError as error:
            return error

    race(lambda: act(first), lambda: act(second))
    run = scene.rig.run
    assert (run.status == RunStatus.CANCELLED) is ("cancel" in (first, second))
    assert runs.verify(run.pk).fault is None
    assert run.status in LIVE_RUN or run.seals.count() == 1


def test_two_retries_make_one_round() -> None:
    scene = running()
    runs.cancel(scene.rig.run_id)
    race(lambda: runs.retry(scene.rig.run_id), lambda: runs.retry(scene.rig.run_id))
    assert scene.rig.run.round == 2
    assert runs.verify(scene.rig.run_id).fault is None


def test_a_late_write_meets_a_new_round() -> None:
    """The old claim's finish waits for the retry, and finds the step to be another's."""
    scene = running()
    runs.cancel(scene.rig.run_id)
    came = race(lambda: runs.retry(scene.rig.run_id), lambda: scene.act("finish"))
    assert came is REFUSED
    assert scene.rig.step("a").status == S.AVAILABLE
    assert runs.verify(scene.rig.run_id).fault is None


def test_a_fork_meets_a_write_of_the_run_it_is_taken_from() -> None:
    scene = running()
    with override({AGENT: lambda _task: None}):
        forks: list[Run] = []
        race(scene.finish, lambda: forks.append(runs.fork(scene.rig.run_id, from_step="b")))
    assert {step.status for step in forks[0].steps.filter(key__in=("top", "a"))} <= {
        S.SUCCEEDED,
        S.AVAILABLE,
    }
    assert runs.verify(forks[0].pk).fault is None
