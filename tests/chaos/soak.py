"""A soak: many runs whose agents fail at random, while worker processes are killed, and people decide what is held.

Everything random follows from one seed. The judge looks at the evidence outside the engine, then at the engine's rows.
"""

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import quantiles

import psutil
from django.contrib.auth.models import User
from django.db.models import Count, Q

from escalation.errors import EscalationError
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import Retry, StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.states import FINAL, LIVE_RUN, ResolutionKind
from orchestration.errors import OrchestrationError
from orchestration.models import Attempt, Decision, Run, Step
from tests.chaos.arena import Arena
from tests.chaos.soakapp import agents as soak_agents  # noqa: F401 - publishing must know these agents

APPS = "tests.chaos.soakapp"
_QUICK = Retry(max_attempts=3, backoff_base_seconds=0.3, jitter_seconds=0.1)


def _step(key: str, *needs: str, **more: object) -> StepSpec:
    settings: dict[str, object] = {"agent": "soak.step", "retry": _QUICK, "min_confidence": 0.5, **more}
    return StepSpec(key, needs=needs, **settings)  # type: ignore[arg-type]


SOAK = WorkflowSpec(
    name="soak",
    steps=[
        _step("a1"),
        _step("a2", "a1", fallback="soak.spare", compensate="soak.undo"),
        _step("fan1", "a2"),
        _step("fan2", "a2", critical=False),
        _step("fan3", "a2", agent="soak.alone"),
        _step("join", "fan1", "fan2", "fan3"),
        _step("gate", "join", verify=Verify("soak.verifier", max_revisions=1)),
        _step("b1", "gate", on_failure="abort", fallback="soak.spare"),
        _step("b2", "b1"),
        _step("b3", "b2"),
    ],
)


@dataclass
class Soak:
    """One soak: `run_all` starts, kills and decides until every run is final; `find_faults` judges it.

    Attributes: kills: so many in all, spread over the runs' time.  per_second: at most so many kills.
    """

    arena: Arena
    runs: int
    kills: int
    seed: int
    per_second: float = 1.0
    killed: Counter[str] = field(default_factory=Counter)
    resolved: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._pending_kills: list[tuple[float, set[str]]] = []

    def run_all(self, *, seconds: float) -> None:
        """Start all runs and go on until each is final."""
        self._clerk, _ = User.objects.get_or_create(username="soak-clerk", is_superuser=True)
        runs.publish(SOAK)
        started = time.monotonic()
        self._started = [
            runs.start(SOAK.name, {"seed": self.seed, "number": number}).pk for number in range(self.runs)
        ]
        next_kill = time.monotonic() + 1 / self.per_second

        def turn() -> bool:
            nonlocal next_kill
            self._decide_tickets()
            self._note_recoveries()
            if sum(self.killed.values()) < self.kills and time.monotonic() >= next_kill:
                self._kill_one()
                next_kill = time.monotonic() + self._random.uniform(0.5, 1.5) / self.per_second
            return not Run.objects.filter(pk__in=self._started, status__in=LIVE_RUN).exists()

        try:
            self.arena.wait_until(turn, "the end of all runs", seconds=seconds)
        except AssertionError as error:
            late = Run.objects.filter(pk__in=self._started, status__in=LIVE_RUN)[:5]
            raise AssertionError(f"{error}\n{self.arena.describe(late)}") from error
        self.seconds = time.monotonic() - started

    def _kill_one(self) -> None:
        """Kill -9 a worker: the whole group, the parent alone, or one child of a prefork pool."""
        running = [one.child for one in self.arena.supervised if one.child.is_running]
        if not running:
            return
        child = self._random.choice(running)
        children = psutil.Process(child.pid).children(recursive=True)
        how = self._random.choice(("group", "parent", "child") if children else ("group", "parent"))
        in_flight = set(Attempt.objects.filter(outcome__isnull=True).values_list("token", flat=True))
        if how == "child":
            os.kill(self._random.choice(children).pid, signal.SIGKILL)
        elif how == "parent":
            os.kill(child.pid, signal.SIGKILL)
        else:
            child.signal_group(signal.SIGKILL)
        self.killed[how] += 1
        self._pending_kills.append((time.monotonic(), {str(token) for token in in_flight}))

    def _note_recoveries(self) -> None:
        """Take the time from a kill until all that was in flight at it has ended one way or another."""
        if not self._pending_kills:
            return
        open_now = {
            str(t) for t in Attempt.objects.filter(outcome__isnull=True).values_list("token", flat=True)
        }
        still = []
        for at, tokens in self._pending_kills:
            if tokens & open_now:
                still.append((at, tokens))
            else:
                self.recoveries.append(time.monotonic() - at)
        self._pending_kills = still

    def _decide_tickets(self) -> None:
        """Decide some open tickets as the seed has it; what somebody else moved meanwhile is met again."""
        for ticket in Ticket.objects.filter(status="open").order_by("id")[:50]:
            kind = self._choose(ticket)
            try:
                claim = claim_ticket(ticket.pk, self._clerk)
                resolve_ticket(
                    ticket.pk,
                    self._clerk,
                    kind,
                    claim_number=claim.claim_number,
                    seen_digest=None,
                    output={"step": ticket.step.key, "by": "clerk"} if kind is ResolutionKind.EDIT else None,
                    feedback="once more" if kind is ResolutionKind.SEND_BACK else "",
                )
            except (EscalationError, OrchestrationError):
                continue
            self.resolved[str(kind)] += 1

    def _choose(self, ticket: Ticket) -> ResolutionKind:
        draw = random.Random(
            f"{self.seed}:{ticket.run.input['number']}:{ticket.step.key}:{ticket.attempt}"
        ).random()
        if draw < 0.02:
            return ResolutionKind.ABORT
        if draw < 0.2:
            return ResolutionKind.SEND_BACK
        if draw < 0.4:
            return ResolutionKind.SKIP
        return ResolutionKind.APPROVE if ticket.has_proposal else ResolutionKind.EDIT

    def find_faults(self, *, verify_each: int = 1) -> list[str]:
        """Return every breach of what is promised.

        Args: verify_each: the proof of every so manieth run is recomputed.
        """
        mine = Q(run__in=self._started)
        faults = [
            f"run {run.pk} is {run.status}"
            for run in Run.objects.filter(pk__in=self._started, status__in=LIVE_RUN)
        ]
        faults += [
            f"{step.key} is {step.status}" for step in Step.objects.filter(mine).exclude(status__in=FINAL)
        ]
        counted = Attempt.objects.filter(mine).annotate(decisions=Count("decision"))
        faults += [
            f"attempt {attempt.pk} ({attempt.outcome}) has {attempt.decisions} decisions"
            for attempt in counted.exclude(decisions=1)
        ]
        faults += self._find_late_starts()
        for run_id in self._started[::verify_each]:
            fault = runs.verify(run_id).fault
            faults += [f"run {run_id}: {fault}"] if fault else []
        return faults

    def _find_late_starts(self) -> list[str]:
        """Name every body that started after its step's completion was committed, and every doubled effect."""
        committed: set[tuple[str, str]] = set()
        effects: Counter[str] = Counter()
        faults = []
        for line in self.arena.journal.lines():
            if line.what == "committed":
                committed.add((line.run, line.key))
            elif line.what == "start" and (line.run, line.key) in committed:
                faults.append(f"{line.run} {line.key}: its body started after its completion was committed")
            elif line.what == "keyed_effect" and line.applied:
                effects[line.idempotency_key] += 1
        return faults + [f"{key}: its effect happened {n} times" for key, n in effects.items() if n > 1]

    def describe(self) -> dict[str, object]:
        """Return the figures of the soak."""
        mine = Q(run__in=self._started)
        failures = Decision.objects.filter(mine, attempt__outcome__in=("failed", "crashed"))
        cuts = quantiles(self.recoveries, n=100) if len(self.recoveries) > 1 else [0.0] * 99
        return {
            "seed": self.seed,
            "runs": dict(Counter(Run.objects.filter(pk__in=self._started).values_list("status", flat=True))),
            "steps": Step.objects.filter(mine).count(),
            "attempts": dict(Counter(Attempt.objects.filter(mine).values_list("outcome", flat=True))),
            "decisions": dict(Counter(Decision.objects.filter(mine).values_list("kind", flat=True))),
            "rules": dict(Counter(failures.values_list("rule", flat=True))),
            "kills": dict(self.killed),
            "resolved": dict(self.resolved),
            "recovery_seconds": {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2)},
            "seconds": round(self.seconds, 1),
        }
