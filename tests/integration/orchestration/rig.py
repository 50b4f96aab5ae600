"""One run, moved edge by edge as the executor's stages would move it, without agents or messages."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.db import connection, transaction

from agents.domain.invocation import Answered, Failed, FailureKind, Outcome, canonical_json
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.conf import get_signer
from orchestration.dispatch import mute_dispatch
from orchestration.domain.receipts import digest_text
from orchestration.domain.work import Claim, Released, RunOn
from orchestration.executor import Crash, conclude, load_facts
from orchestration.executor.conclusion import Conclusion
from orchestration.executor.prepare import get_step_spec
from orchestration.handoff import assemble_handoff
from orchestration.models import Run, Step, WorkerProcess
from orchestration.transitions.claim import claim_step
from orchestration.transitions.release import release_step
from tests.processes import wait_for

AGENT = "test.agent"
_T = TypeVar("_T")


def graph(edges: dict[str, Iterable[str]], **fields: Any) -> WorkflowSpec:
    """Return a workflow of steps that need those named behind each."""
    steps = tuple(StepSpec(key, agent=AGENT, needs=tuple(needs), **fields) for key, needs in edges.items())
    # A name for each shape: a name's latest version would be another test's.
    return WorkflowSpec(name=f"rig-{digest_text(repr(steps))[:12]}", steps=steps)


@dataclass(frozen=True)
class Rig:
    """A run and the process that works on it."""

    run_id: Any
    process_id: int

    @classmethod
    def begin(cls, spec: WorkflowSpec, value: dict[str, Any] | None = None) -> "Rig":
        with override({AGENT: lambda _task: None}), mute_dispatch():
            runs.publish(spec)
            run = runs.start(spec.name, value or {})
        process = WorkerProcess.objects.create(
            name="rig", host="", pid=0, queues=["steps"], agents=[AGENT], concurrency=8
        )
        return cls(run.pk, process.pk)

    @property
    def run(self) -> Run:
        return Run.objects.get(pk=self.run_id)

    def step(self, key: str) -> Step:
        return Step.objects.get(run=self.run_id, key=key)

    def statuses(self) -> dict[str, str]:
        return dict(Step.objects.filter(run=self.run_id).values_list("key", "status"))

    def claim(self, key: str) -> Claim | None:
        step = self.step(key)
        task_id = f"{self.run_id}.{step.pk}.{step.dispatches}"
        return claim_step(step.pk, process_id=self.process_id, task_id=task_id, agents=[AGENT, ""])

    def take(self, key: str) -> Claim:
        """Claim a step that must be there to be claimed."""
        claim = self.claim(key)
        assert claim is not None
        return claim

    def finish(self, claim: Claim, value: Any = None, run_on: RunOn | None = None) -> Conclusion:
        return self._conclude(claim, answer(value), run_on=run_on)

    def hold(self, claim: Claim) -> Conclusion:
        return self._conclude(claim, answer({"draft": 1}), spec={"min_confidence": 1.0})

    def retry(self, claim: Claim) -> Conclusion:
        return self._conclude(claim, failure(FailureKind.TRANSIENT))

    def fail(self, claim: Claim) -> Conclusion:
        return self._conclude(claim, failure(FailureKind.PERMANENT), spec={"on_failure": "abort"})

    def free(self, claim: Claim) -> Conclusion:
        return self._conclude(claim, failure(FailureKind.CRASH), crash=Crash("steps", is_own=True))

    def release(self, key: str) -> list[Released]:
        return release_step(self.step(key).pk, get_signer())

    def work_through(self, *keys: str) -> None:
        """Claim, finish and release these steps in turn."""
        for key in keys:
            self.finish(self.take(key), {"of": key})
            self.release(key)

    def fault(self) -> str | None:
        return runs.verify(self.run_id).fault

    def events(self, key: str) -> list[str]:
        return list(self.step(key).events.order_by("id").values_list("kind", flat=True))

    def conclude(self, claim: Claim, outcome: Outcome) -> Conclusion:
        return self._conclude(claim, outcome)

    def _conclude(
        self, claim: Claim, outcome: Outcome, spec: dict[str, Any] | None = None, **more: Any
    ) -> Conclusion:
        chosen = replace(get_step_spec(claim), **(spec or {}))
        return conclude(
            claim, chosen, replace(load_facts(claim), received=assemble_handoff(claim).lines), outcome, **more
        )


def answer(value: Any) -> Answered:
    return Answered(
        output=value,
        output_json=canonical_json(value),
        confidence=None,
        usage={},
        agent=AGENT,
        agent_version=1,
    )


def failure(kind: FailureKind) -> Failed:
    return Failed(
        kind=kind,
        error_class="acme.Boom",
        message="it broke",
        traceback_tail="",
        retry_after_seconds=None,
        agent=AGENT,
        agent_version=1,
    )


def in_thread(act: Callable[[], _T]) -> "Future[_T]":
    """Run something on a thread and a connection of its own."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(act())
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            future.set_exception(error)
        finally:
            connection.close()

    threading.Thread(target=run, daemon=True).start()
    return future


def race(first: Callable[[], Any], second: Callable[[], _T]) -> _T:
    """Make the second act while the first has acted but not committed; return what came of the second.

    The second gets to its first lock and waits there: that both were under way at once is seen in the database,
    not hoped for.
    """
    with transaction.atomic():
        first()
        other = in_thread(second)
        wait_for(
            lambda: other.done() or _somebody_waits(),
            seconds=10,
            what="the second to wait for the first's lock",
        )
    return other.result(timeout=20)


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        # Not pg_stat_activity: a transaction sees that view as it was at its first look.
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])
