"""Runs on the real engine, and everything that can happen to them, one thing after the other.

Each method is one thing; the numbers it takes choose among what there is, so that any sequence of calls can be done
again. What must hold is asked after each of them.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Min

from escalation import escrow
from escalation.errors import EscalationError
from escalation.models import Ticket
from orchestration import StepSpec, executor, runs
from orchestration.dispatch import Continuation, mute_dispatch
from orchestration.domain.states import LIVE_RUN, ResolutionKind
from orchestration.errors import (
    ForkRefused,
    ResolutionRefused,
    RunCompensating,
    RunFinal,
    RunHasParent,
    RunNotFailed,
    StepNotHeld,
)
from orchestration.maintenance import leader, scheduler
from orchestration.maintenance.rescuer import free_stranded
from orchestration.models import Run, Step, WorkerProcess
from orchestration.testing import drive
from tests.machine.bodies import AGENTS, NAMES, OK, Act, Overlap
from tests.machine.engine import Killed, dying_at
from tests.machine.invariants import ALWAYS, SETTLED, find_breaches
from tests.machine.shapes import build

MOST_ROOTS = 3
MOST_OVERLAPS = 3
_MOST_PERFORMED = 600
_MOST_ROUNDS = 3
VERBS = ("cancel", "pause", "pause", "resume", "resume", "retry", "retry", "retry")
RESOLUTIONS = tuple(ResolutionKind)
_HELPFUL = (ResolutionKind.APPROVE, ResolutionKind.EDIT, ResolutionKind.SEND_BACK, ResolutionKind.SKIP)
_REFUSALS = (RunFinal, RunNotFailed, RunCompensating, RunHasParent, ForkRefused)


@dataclass(frozen=True)
class _Host:
    process_id: int

    def enter_anew(self, process_id: int) -> None: ...

    def note_claim(self, claim: Any) -> None: ...

    def note_attempt(self, claim: Any) -> None: ...

    def tell_ran_on(self, claim: Any, word: str) -> None: ...


@dataclass
class _Request:
    """What Celery would publish after a step: here, at most one chain link, which may name any step."""

    chain: list[dict[str, Any]]
    callbacks: Any = None
    chord: Any = None
    id: str = "machine"


@dataclass
class _Busy:
    """A body under way, and the process it is in."""

    overlap: Overlap
    process: int


@dataclass
class World:
    """The runs of one example, the processes that work on them, and the bodies under way."""

    roots: list[UUID] = field(default_factory=list)
    processes: list[int] = field(default_factory=list)
    busy: list[_Busy] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    performed: int = 0

    def __post_init__(self) -> None:
        self.person = get_user_model().objects.get_or_create(username="machine-person")[0]
        self.processes = [self._new_process() for _ in range(2)]

    # ---- what can happen

    def start(self, generations: tuple[tuple[StepSpec, ...], ...], items: int) -> None:
        if len(self.roots) >= MOST_ROOTS:
            return
        names: dict[str, str] = {}
        name = ""
        for number, steps in enumerate(generations):
            name = names[f"kid{number}"] = f"machine-{uuid4().hex[:12]}"
            runs.publish(build(name, steps, names))
        with mute_dispatch():
            self.roots.append(runs.start(name, {"items": list(range(items))}).pk)

    def perform(self, pick: int, act: Act, link: int) -> None:
        """Deliver the message of an available step; where there is none, do what stands in the way of one."""
        available = self._steps().filter(status="available", run__status__in=("running", "compensating"))
        if not available.exists():
            self.settle()
        step = self._choose(available, pick)
        if step is not None:
            self._deliver(step, act, link)
        elif self._tickets().exists():
            self.resolve(pick, _HELPFUL[pick % len(_HELPFUL)])
        elif not self._resume_all():
            self._retry_all()

    def perform_any(self, pick: int, act: Act) -> None:
        """Deliver the message of an available step, whatever others do to it meanwhile."""
        step = self._choose(self._steps().filter(status="available"), pick)
        if step is not None:
            with AGENTS.acting(act):
                self._perform(step, self.processes[0], 0)

    def choose_run(self, pick: int) -> Any:
        return self._choose(self._runs(), pick)

    def deliver(self, pick: int, act: Act) -> None:
        """Deliver a message of any step, stale or not."""
        step = self._choose(self._steps(), pick)
        if step is not None:
            self._deliver(step, act, 0)

    def begin(self, pick: int, link: int) -> None:
        """Deliver a message and stand still inside the body."""
        step = self._choose(self._steps().filter(status="available"), pick)
        if step is None or len(self.busy) >= MOST_OVERLAPS:
            return
        process = self.processes[pick % len(self.processes)]
        overlap = AGENTS.begin(lambda: self._perform(step, process, link))
        self._note(overlap, process)

    def end(self, pick: int, act: Act) -> None:
        """Let a body that stands still act and see what comes of it."""
        if not self.busy:
            return
        busy = self.busy.pop(pick % len(self.busy))
        busy.overlap.go_on(act)
        self._note(busy.overlap, busy.process)

    def die(self, pick: int, act: Act, point: str) -> None:
        """Deliver a message to a process that dies at a point of the engine, if it comes there."""
        step = self._choose(self._steps().filter(status="available"), pick)
        if step is None:
            return
        process = self._new_process()
        try:
            with dying_at(point), AGENTS.acting(act):
                self._perform(step, process, 0)
        except Killed:
            self.story.append(f"   it died {point}")
        self._bury(process)

    def kill(self, pick: int) -> None:
        """Let a process die, and with it the claims of the bodies in it; their late answers still come."""
        place = pick % len(self.processes)
        self._bury(self.processes[place])
        self.processes[place] = self._new_process()

    def overtake(self, pick: int, act: Act) -> None:
        """Let a body's process be found dead and its step begin anew elsewhere; only then the first body acts."""
        if not self.busy:
            return
        first = self.busy.pop(pick % len(self.busy))
        held = list(
            self._steps().filter(status="running", process=first.process).values_list("pk", flat=True)
        )
        self._bury(first.process)
        if first.process in self.processes:
            self.processes[self.processes.index(first.process)] = self._new_process()
        with mute_dispatch():
            free_stranded()
        for step in self._steps().filter(pk__in=held, status="available"):
            process = self.processes[pick % len(self.processes)]
            again = AGENTS.begin(partial(self._perform, step, process, 0))
            self._note(again, process)
        first.overlap.go_on(act)
        self._note(first.overlap, first.process)

    def sweep(self, pick: int) -> None:
        """Do one of the maintainer's duties."""
        with mute_dispatch():
            leader._DUTIES[pick % len(leader._DUTIES)]()

    def expire(self, pick: int) -> None:
        """Let time pass: for a claim beyond its deadline, or for all retries to their time."""
        step = self._choose(self._steps().filter(status="running"), pick)
        with connection.cursor() as cursor:
            if step is not None:
                cursor.execute(
                    "UPDATE orchestration_step SET deadline_at = now() - interval '1 hour' WHERE id = %s",
                    [step.pk],
                )
            cursor.execute(
                "UPDATE orchestration_step SET due_at = now() WHERE status = 'retryable' AND run_id IN "
                "(SELECT id FROM orchestration_run WHERE root_id = ANY(%s))",
                [self.roots],
            )

    def grow_late(self, pick: int) -> None:
        """Let a run that has a deadline come to it."""
        run = self._choose(self._runs().filter(status__in=LIVE_RUN, deadline_at__isnull=False), pick)
        if run is not None:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE orchestration_run SET deadline_at = now() - interval '1 hour' WHERE id = %s",
                    [run.pk],
                )

    def settle(self) -> None:
        """Do all duties until nothing more happens, and look whether anything is stuck."""
        if not self.busy:
            self.expire(0)
        with mute_dispatch():
            for _ in range(100):
                done = sum(duty() for duty in leader._DUTIES) + sum(
                    scheduler.settle_run(root) for root in self.roots
                )
                if not done:
                    break
            else:
                raise AssertionError("the maintainer's duties never come to rest")
        self._require(SETTLED)

    def control(self, pick: int, verb: str) -> None:
        """Order something of a run, twice: the second time nothing may change."""
        run = self._choose(self._runs(), pick)
        if run is None:
            return
        order = getattr(runs, verb)
        with mute_dispatch():
            try:
                order(run.pk, reason="the machine's")
            except _REFUSALS as error:
                self.story.append(f"   refused: {type(error).__name__}")
                return
            before = self._picture()
            try:
                order(run.pk, reason="again")
            except RunFinal:
                if verb == "cancel":
                    raise
        after = self._picture()
        if before != after:
            raise AssertionError(f"{verb} again changed something: {sorted(set(after) ^ set(before))}")

    def cancel_and_die(self, pick: int, after: int) -> None:
        """Begin to cancel a tree in a process that dies on the way."""
        run = self._choose(self._runs(), pick)
        if run is None:
            return
        try:
            with mute_dispatch(), dying_at("before_cancel", after):
                runs.cancel(run.pk)
        except (Killed, *_REFUSALS) as error:
            self.story.append(f"   {type(error).__name__}")

    def fork(self, pick: int, items: int | None) -> None:
        run = self._choose(self._runs().filter(depth=0), pick)
        if run is None or len(self.roots) >= MOST_ROOTS:
            return
        keys = sorted(run.steps.filter(kind="planned").values_list("key", flat=True))
        given = None if items is None else {"items": list(range(items))}
        key = f"fork-{uuid4()}"
        with mute_dispatch():
            one = runs.fork(run.pk, keys[pick % len(keys)], given, idempotency_key=key)
            same = runs.fork(run.pk, keys[pick % len(keys)], given, idempotency_key=key)
        if one.pk != same.pk:
            raise AssertionError("a fork under one key is two runs")
        self.roots.append(one.pk)

    def resolve(self, pick: int, kind: ResolutionKind) -> None:
        """Let a person decide an open ticket."""
        ticket = self._choose(self._tickets(), pick)
        if ticket is None:
            return
        options: dict[str, Any] = {}
        if kind is ResolutionKind.EDIT:
            options["output"] = [1]
        if kind is ResolutionKind.SEND_BACK:
            options["feedback"] = "do better"
        with mute_dispatch():
            claimed = escrow.claim_ticket(ticket.pk, self.person)
            try:
                escrow.resolve_ticket(
                    ticket.pk,
                    self.person,
                    kind,
                    claim_number=claimed.claim_number,
                    seen_digest=None,
                    **options,
                )
            except (EscalationError, ResolutionRefused, StepNotHeld) as error:
                self.story.append(f"   refused: {error}")
                if kind in (ResolutionKind.SKIP, ResolutionKind.ABORT, ResolutionKind.SEND_BACK):
                    raise

    def verify(self, pick: int) -> None:
        """Look whether the proof of a run holds, whatever goes on in it."""
        run = self._choose(self._runs(), pick)
        if run is not None:
            self._verify(run.pk)

    # ---- the end

    def finish(self) -> None:
        """Let everything go on as well as it can: every run must end, and its proof hold."""
        while self.busy:
            self.end(0, OK)
        for _ in range(60):
            self.settle()
            if not self._runs().filter(status__in=LIVE_RUN).exists():
                break
            self._go_on()
        else:
            raise AssertionError(f"runs never end:\n{self.describe()}")
        self.check()
        for run in self._runs():
            self._verify(run.pk)

    def _go_on(self) -> None:
        self._resume_all()
        with AGENTS.acting(OK):
            for root in self.roots:
                drive(root)
        for ticket in self._tickets():
            ticket.refresh_from_db()
            if ticket.status == "open":
                kinds = (ResolutionKind.APPROVE,) if ticket.has_proposal else (ResolutionKind.SKIP,)
                self._resolve_firmly(ticket, kinds[0])

    def _resume_all(self) -> int:
        paused = list(self._runs().filter(status="paused"))
        for run in paused:
            with mute_dispatch(), suppress(RunHasParent, RunFinal):
                runs.resume(run.pk)
        return len(paused)

    def _retry_all(self) -> None:
        for run in self._runs().filter(depth=0, round__lte=_MOST_ROUNDS, status__in=("failed", "cancelled")):
            with mute_dispatch(), suppress(RunCompensating):
                runs.retry(run.pk)

    def _resolve_firmly(self, ticket: Ticket, kind: ResolutionKind) -> None:
        with mute_dispatch():
            claimed = escrow.claim_ticket(ticket.pk, self.person)
            escrow.resolve_ticket(
                ticket.pk, self.person, kind, claim_number=claimed.claim_number, seen_digest=None
            )

    def leave(self) -> None:
        """End bodies that still stand, when an example failed."""
        while self.busy:
            self.busy.pop().overlap.go_on(OK)

    # ---- what must hold

    def check(self) -> None:
        self._require(ALWAYS)
        faults = AGENTS.log.faults
        if faults:
            AGENTS.log.faults = []
            raise AssertionError(f"{faults}\n{self.describe()}")

    def _require(self, named: dict[str, str]) -> None:
        breaches = find_breaches(named, self.roots)
        if breaches:
            raise AssertionError("\n".join(breaches) + "\n" + self.describe())

    def _verify(self, run_id: UUID) -> None:
        fault = runs.verify(run_id).fault
        if fault is not None:
            raise AssertionError(f"the proof of {run_id} does not hold: {fault}\n{self.describe()}")

    def describe(self) -> str:
        """Return where everything stands, for whoever reads a failure."""
        lines = list(self.story)
        for run in self._runs():
            lines.append(f"run {run} {run.status} round {run.round} under {run.parent_step_id} {run.reason}")
            lines += [
                f"   {s.pk} {s.key} {s.kind} {s.status} stage={s.stage} rev={s.revision} att={s.attempt} "
                f"{s.agent} unreleased={s.unreleased} waits={s.waits_for} {s.reason[:60]}"
                for s in run.steps.order_by("position", "id")
            ]
            lines += [f"   {e.id} {e.step_id} {e.kind} {e.data_json[:80]}" for e in run.events.order_by("id")]
        return "\n".join(lines)

    # ---- how it is done

    def _deliver(self, step: Step, act: Act, link: int) -> None:
        run = Run.objects.get(pk=step.run_id)
        bodies = len(AGENTS.log.starts)
        with AGENTS.acting(act):
            self._perform(step, self.processes[0], link)
        began = AGENTS.log.starts[bodies:]
        if run.status not in ("running", "compensating") and any(s.run_id == str(run.pk) for s in began):
            raise AssertionError(f"a body began although its run was {run.status}\n{self.describe()}")

    def _perform(self, step: Step, process: int, link: int) -> None:
        self.performed += 1
        if self.performed > _MOST_PERFORMED:
            raise AssertionError(f"this never ends\n{self.describe()}")
        request = _Request(self._link(link))
        task_id = f"{step.run_id}.{step.pk}.{step.dispatches}"
        with mute_dispatch():
            word = executor.perform(step.pk, task_id, _Host(process), Continuation(request))
        self.story.append(f"   {step.key}: {word}")

    def _link(self, link: int) -> list[dict[str, Any]]:
        """Return no chain link, or one that names a step that waits."""
        if not link:
            return []
        step = self._choose(self._steps().filter(status="pending"), link)
        if step is None:
            return []
        return [{"args": [step.pk], "options": {"task_id": f"{step.run_id}.{step.pk}.{step.dispatches + 1}"}}]

    def _note(self, overlap: Overlap, process: int) -> None:
        if overlap.is_inside:
            self.busy.append(_Busy(overlap, process))
        elif overlap.error is not None:
            raise overlap.error

    def _steps(self) -> Any:
        return Step.objects.filter(run__root_id__in=self.roots).order_by("pk")

    def _runs(self) -> Any:
        return Run.objects.filter(root_id__in=self.roots).annotate(first=Min("steps")).order_by("first")

    def _tickets(self) -> Any:
        return Ticket.objects.filter(status="open", run__root_id__in=self.roots).order_by("pk")

    def _choose(self, rows: Any, pick: int) -> Any:
        found = list(rows.values_list("pk", flat=True))
        return rows.model.objects.filter(pk=found[pick % len(found)]).first() if found else None

    def _picture(self) -> list[Any]:
        runs_now = [("run", r.pk, r.status, r.round, r.finished_at) for r in self._runs()]
        columns = ("pk", "status", "revision", "attempt", "dispatches", "stage", "unreleased")
        return runs_now + [("step", *row) for row in self._steps().values_list(*columns)]

    def _new_process(self) -> int:
        return WorkerProcess.objects.create(
            name="machine", host="", pid=0, queues=["steps", "isolated"], agents=list(NAMES), concurrency=8
        ).pk

    def _bury(self, process: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE orchestration_workerprocess SET stopped_at = now(), died = true WHERE id = %s",
                [process],
            )
