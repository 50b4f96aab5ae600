"""For users' own tests: a whole run, in process, against the test database.

    def test_reply(db):
        done = run_workflow(SUPPORT_REPLY, {"customer": "ada"}, agents={"mail.outbox": lambda task: {"sent": True}})
        assert done.status == "succeeded"
        assert done.outputs["draft"]["text"].startswith("Dear Ada")

    def test_triage(db):
        done = run_workflow(DESK, models={"fast": scripted([call("find_order", id="7"), {"kind": "late"}])})
        assert done.calls("triage") == ["model", "tool:find_order", "model"]

Works inside pytest-django's transaction. Uses the real engine (claims, decisions, receipts); only the broker and the
waiting between retries are left out, and breakers: an agent may fail as often as a test likes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Coalesce

from agents.domain.calls import CallKind
from agents.domain.invocation import Task
from agents.domain.scripts import Script, call, scripted
from agents.invoke import override, override_models
from orchestration import executor, runs
from orchestration.dispatch import Continuation, mute_dispatch
from orchestration.domain.budget import Budget
from orchestration.domain.spec import WorkflowSpec
from orchestration.domain.states import RunStatus, Stage, StepStatus
from orchestration.domain.work import Claim
from orchestration.maintenance.mail import deliver_all
from orchestration.maintenance.scheduler import settle_run
from orchestration.models import Attempt, Call, CallTry, Run, Step, WorkerProcess

__all__ = ["FinishedRun", "call", "drive", "drive_all", "run_workflow", "scripted"]

_MOST_ATTEMPTS = 100_000
_MOST_LOOKS = 10_000
_MOST_SAME = 200
"""Looks in a row that find a run as it was: who only holds a step for a moment lets go by then."""
_PERFORMED = (RunStatus.RUNNING, RunStatus.COMPENSATING)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """How a run stands when nothing more can be done without somebody outside.

    Attributes: status: the run's; `running` means that steps are held, or wait.  outputs: by step key, of done steps.
    """

    run: Run
    status: str
    outputs: dict[str, Any]
    steps: dict[str, Step]

    def calls(self, step: str) -> list[str]:
        """Return what a step called in the order in which it began: `model`, `tool:find_order`, `once:charge`."""
        found = Call.objects.filter(step=self.steps[step]).order_by("pk").values_list("kind", "name")
        return [kind if kind == CallKind.MODEL else f"{kind}:{name}" for kind, name in found]

    @property
    def cost(self) -> dict[str, str]:
        """Return what the calls of each step that made any cost, in US dollars, as far as that is known."""
        tries = CallTry.objects.filter(run=self.run).values("step__key").order_by()
        sums = tries.annotate(sum=Coalesce(Sum("cost_micro_usd"), 0)).values_list("step__key", "sum")
        return {key: f"{(Decimal(spent) / 1_000_000).normalize():f}" for key, spent in sums}

    @property
    def waiting(self) -> list[str]:
        """Return the keys of the steps whose agents wait for a signal."""
        return [
            key
            for key, step in self.steps.items()
            if (step.status, step.stage) == (StepStatus.WAITING, Stage.CALLS)
        ]

    @property
    def held(self) -> list[str]:
        """Return the keys of the steps that wait for a person."""
        return [key for key, step in self.steps.items() if step.status == StepStatus.HELD]


@dataclass(frozen=True, slots=True)
class _TestHost:
    process_id: int

    def enter_anew(self, process_id: int) -> None:
        """Nobody declares this process dead."""

    def note_claim(self, claim: Claim) -> None:
        """Nobody looks for lost messages here."""

    def note_attempt(self, claim: Claim) -> None:
        """Nobody looks for lost threads here."""

    def tell_ran_on(self, claim: Claim, word: str) -> None:
        """Nobody watches here."""


class _Patience:
    """Ends a test whose run is looked at again and again, and stands where it stood."""

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._same = 0

    def look(self, step: Step | None) -> None:
        """Count looks that found the same: a step of which no attempt came, or none and something to settle.

        Raises: RuntimeError: there were too many in a row.
        """
        seen = None if step is None else (step.pk, step.attempt)
        self._same = self._same + 1 if seen == self._seen else 0
        self._seen = seen
        if self._same < _MOST_SAME:
            return
        if step is None:
            raise RuntimeError("there is something to settle again and again, and no step comes of it")
        raise RuntimeError(
            f"step '{step.key}' of run {step.run_id} is available, and no attempt takes it: what the test did to its "
            "worker's row, or to the step's, keeps it from being claimed"
        )


class _NoRequest:
    """What a Celery request looks like when nothing follows."""

    chain = callbacks = chord = None


def run_workflow(
    workflow: WorkflowSpec | str,
    input: Mapping[str, Any] | None = None,  # noqa: A002 - the public word
    *,
    agents: Mapping[str, Callable[[Task], Any]] | None = None,
    models: Mapping[str, Script | Any] | None = None,
    idempotency_key: str | None = None,
    budget: Budget | None = None,
) -> FinishedRun:
    """Run a workflow to its end, or until only people can go on.

    Args:
        workflow: a spec (published for the test) or the name of a code-defined or published one.
        agents: fakes by agent name; everything else is the real thing.
        models: by a name of `RINGMASTER["MODELS"]`, what answers in its place: `scripted([...])`.
        budget: as `runs.start` takes it.
    Raises: SpecInvalid. WorkflowNotFound. InputInvalid. TypeError: of `models`.
    """
    _check_models(models or {})
    with override(agents or {}), mute_dispatch(), executor.mute_breakers():
        run = runs.start(
            _publish(workflow), dict(input or {}), idempotency_key=idempotency_key, budget=budget
        )
        return drive(run.pk, models=models)


def drive(
    run_id: UUID,
    *,
    agents: Mapping[str, Callable[[Task], Any]] | None = None,
    models: Mapping[str, Script | Any] | None = None,
    times_out: bool = False,
) -> FinishedRun:
    """Go on with a run, e.g. after a ticket was resolved or a signal was sent; retries and sleeping agents don't wait.

    Args: times_out: waits for signals that name a time are over, as if nobody had sent one.
    """
    _check_models(models or {})
    process = WorkerProcess.objects.create(
        name="in-process", host="", pid=0, queues=[], agents=[], concurrency=1
    )
    host, patience = _TestHost(process.pk), _Patience()
    with override(agents or {}), override_models(models or {}), mute_dispatch(), executor.mute_breakers():
        for _ in range(_MOST_ATTEMPTS):
            # By id at last: child runs of one step tie, and PostgreSQL would answer now this way, now that.
            step = (
                Step.objects.filter(run__root_id=run_id, run__status__in=_PERFORMED)
                .filter(status=StepStatus.AVAILABLE, waits_for="")
                .order_by("run__depth", "position", "pk")
                .first()
            )
            patience.look(step)
            if step is not None:
                executor.perform(
                    step.pk, f"{step.run_id}.{step.pk}.{step.dispatches}", host, Continuation(_NoRequest())
                )
            elif not settle_run(run_id, times_out=times_out):
                return _describe(run_id)
    raise RuntimeError(
        f"run {run_id} goes on after {_MOST_ATTEMPTS:,} attempts; see what makes it begin anew"
    )


def drive_all(
    *,
    agents: Mapping[str, Callable[[Task], Any]] | None = None,
    models: Mapping[str, Script | Any] | None = None,
    times_out: bool = False,
    until: datetime | None = None,
) -> list[FinishedRun]:
    """Route all messages that are due and drive every run, turns of actors among them, until only others can go on.

    Returns: the runs that were driven, in the order in which they were begun.
    Args: times_out: as of `drive`; questions to actors that nobody answered are over too.
        until: reminders that are due before that moment come now, also those that are made meanwhile.
    """
    driven: dict[UUID, None] = {}
    with mute_dispatch():
        deliver_all(until)
        for _ in range(_MOST_LOOKS):
            live = Run.objects.filter(parent_step=None, status__in=_PERFORMED).order_by("created_at", "pk")
            before = {key: _count_attempts(key) for key in live.values_list("pk", flat=True)}
            driven |= dict.fromkeys(before)
            for key in before:
                drive(key, agents=agents, models=models, times_out=times_out)
            if not deliver_all(until) and all(_count_attempts(key) == count for key, count in before.items()):
                return [_describe(key) for key in driven]
    raise RuntimeError(
        f"runs go on after {_MOST_LOOKS:,} looks; see which actors write to each other without end"
    )


def _check_models(models: Mapping[str, Any]) -> None:
    """Refuse what could not answer as a model, before an agent asks it.

    Raises: TypeError.
    """
    for name, model in models.items():
        if not isinstance(model, Script) and not hasattr(model, "request"):
            raise TypeError(
                f"models: {name!r} is {model!r:.80}; give scripted([...]), or a model of pydantic-ai"
            )


def _count_attempts(run_id: UUID) -> int:
    return Attempt.objects.filter(run__root_id=run_id).count()


def _publish(workflow: WorkflowSpec | str) -> str:
    if isinstance(workflow, WorkflowSpec):
        runs.publish(workflow)
        return workflow.name
    for spec in runs.find_code_specs():
        if spec.name == workflow:
            runs.publish(spec)
    return workflow


def _describe(run_id: UUID) -> FinishedRun:
    run = runs.get_run(run_id)
    steps = {step.key: step for step in run.steps.order_by("position")}
    outputs = {key: step.output for key, step in steps.items() if step.output_json is not None}
    return FinishedRun(run=run, status=run.status, outputs=outputs, steps=steps)


def _let_tests_flush() -> None:
    """Let Django empty the history's tables between tests that commit; the database refuses it to everybody else."""
    operations = connection.ops
    flush = operations.execute_sql_flush

    def flush_by_retention(statements: Iterable[str]) -> None:
        flush(["SET LOCAL ringmaster.retention = 'on'", *statements])

    setattr(operations, flush.__name__, flush_by_retention)  # Django has no door for it


_let_tests_flush()
