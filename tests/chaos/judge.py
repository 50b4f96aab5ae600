"""The judge: compares what agents and clients wrote down with what the engine says, and names what does not fit.

It reads the journal (`crashapp/journal.py`), which the engine does not know, and only then the engine's rows.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration import runs
from orchestration.domain.plan import local_name
from orchestration.domain.states import FINAL, RunStatus, StepStatus
from orchestration.models import Attempt, Event, Run, Step

_STEP_ENDS = ("step_succeeded", "step_skipped", "step_failed", "step_cancelled")
_RUN_ENDS = ("run_closed",)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the journal; `place` is its place in the order of all that happened."""

    place: int
    what: str
    facts: dict[str, Any] = field(repr=False)

    def __getattr__(self, name: str) -> Any:
        return self.facts[name]


class Journal:
    """The lines of one file, read anew at each call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self, what: str | None = None, **facts: Any) -> list[Line]:
        """Return the lines of a kind whose facts are these, in order."""
        return [
            line
            for line in self._read()
            if what in {None, line.what}
            and all(line.facts.get(name) == value for name, value in facts.items())
        ]

    def _read(self) -> Iterator[Line]:
        if self._path.exists():
            # A line that is being written has no end yet; it is read at the next call.
            *whole, _ = self._path.read_text(encoding="utf-8").split("\n")
            for place, text in enumerate(whole):
                facts = _read_facts(text)
                if facts is not None:
                    yield Line(place, facts.pop("what"), facts)


def _read_facts(text: str) -> dict[str, Any] | None:
    """Return what a line says; None of the part of one whose writer was killed: it has written nothing."""
    try:
        facts: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return facts


class Judge:
    """Finds what does not fit in a run that is over."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def find_faults(self, run: Run, *, most_starts: int = 1) -> list[str]:
        """Return every breach of the promises, as `step: what`.

        Args: most_starts: how often a body may have started: 2 for steps that were in flight in a crash.
        """
        run.refresh_from_db()
        lines = self._journal.lines(run=str(run.pk))
        return [
            *_find_open_ends(run),
            *_find_repeats(lines, most_starts),
            *_find_late_starts(lines),
            *_find_unwritten_attempts(run, lines),
            *_find_foreign_outputs(run, lines),
            *_find_wrong_handoffs(run, lines),
            *_find_disorder(run, lines),
            *_find_doubled_ends(run),
            *_find_bad_proof(run),
        ]


def _find_open_ends(run: Run) -> Iterator[str]:
    if run.status == RunStatus.RUNNING:
        yield f"run: it is still {run.status}"
    for step in run.steps.exclude(status__in=FINAL):
        yield f"{step.key}: it is still {step.status}"
    for step in run.steps.filter(unreleased=True):
        yield f"{step.key}: nobody looked behind it"


def _find_repeats(lines: list[Line], most_starts: int) -> Iterator[str]:
    starts = Counter(line.key for line in lines if line.what == "start")
    for key, times in starts.items():
        if times > most_starts:
            yield f"{key}: its body started {times} times"
    counted = {
        "start": "a body started twice under one token",
        "committed": "a result was recorded twice under one token",
        "effect": "an effect was asked for twice under one token",
    }
    for what, fault in counted.items():
        tokens = Counter((line.key, line.token) for line in lines if line.what == what)
        yield from (f"{key}: {fault}" for (key, _), times in tokens.items() if times > 1)
    committed = Counter(line.key for line in lines if line.what == "committed")
    yield from (
        f"{key}: its result was recorded {times} times" for key, times in committed.items() if times > 1
    )
    applied = Counter(line.key for line in lines if line.what == "keyed_effect" and line.applied)
    yield from (f"{key}: its effect happened {times} times" for key, times in applied.items() if times > 1)


def _find_late_starts(lines: list[Line]) -> Iterator[str]:
    committed: set[str] = set()
    for line in lines:
        if line.what == "committed":
            committed.add(line.key)
        if line.what == "start" and line.key in committed:
            yield f"{line.key}: its body started after its completion was committed"


def _find_unwritten_attempts(run: Run, lines: list[Line]) -> Iterator[str]:
    written = {str(token) for token in Attempt.objects.filter(run=run).values_list("token", flat=True)}
    for line in lines:
        if line.what == "start" and line.token not in written:
            yield f"{line.key}: its body started without an attempt on record"


def _find_foreign_outputs(run: Run, lines: list[Line]) -> Iterator[str]:
    """Yield steps whose recorded output is not what the agent of the last claim answered."""
    ended = {(line.key, line.token) for line in lines if line.what == "end"}
    latest = _latest_tokens(run)
    for step in run.steps.filter(status=StepStatus.SUCCEEDED):
        if not isinstance(step.output, dict) or "token" not in step.output:
            continue
        token = step.output["token"]
        if (step.key, token) not in ended:
            yield f"{step.key}: no agent gave the output that was recorded"
        if token != latest[step.key]:
            yield f"{step.key}: the output of an old token was recorded"


def _latest_tokens(run: Run) -> dict[str, str]:
    attempts = Attempt.objects.filter(run=run).select_related("step").order_by("number")
    return {attempt.step.key: str(attempt.token) for attempt in attempts}


def _find_wrong_handoffs(run: Run, lines: list[Line]) -> Iterator[str]:
    """Yield steps that were handed anything but the recorded outputs of exactly the steps they need."""
    expected: dict[str, dict[str, Any]] = defaultdict(dict)
    for edge in run.edges.filter(carries_data=True).select_related("predecessor", "successor"):
        expected[edge.successor.key][local_name(edge.predecessor.key)] = edge.predecessor.output
    for line in lines:
        if line.what == "start" and line.received != expected[line.key]:
            yield f"{line.key}: it did not receive exactly the outputs of the steps it needs"


def _find_disorder(run: Run, lines: list[Line]) -> Iterator[str]:
    ends: dict[str, int] = {}
    for line in lines:
        if line.what in {"end", "resolved"}:
            ends.setdefault(line.key, line.place)
    before = _find_bodies_before(run, {line.key for line in lines if line.what == "start"})
    for line in lines:
        if line.what != "start":
            continue
        for first in before[line.key]:
            if ends.get(first, line.place) >= line.place:
                yield f"{line.key}: its body started before {first} had ended"


def _find_bodies_before(run: Run, begun: set[str]) -> dict[str, set[str]]:
    """Return for each step the bodies it had to wait for: of a step that only collects, those of its children.

    Args: begun: steps whose bodies began.
    """
    collecting = set(run.steps.filter(child_runs__isnull=False).values_list("key", flat=True))
    needs: dict[str, set[str]] = defaultdict(set)
    children: dict[str, set[str]] = defaultdict(set)
    for edge in run.edges.select_related("predecessor", "successor"):
        (children if edge.is_child else needs)[edge.successor.key].add(edge.predecessor.key)

    def expand(key: str) -> set[str]:
        has_body = key in begun or not (children[key] or key in collecting)
        return {key} if has_body else {one for child in children[key] for one in expand(child)}

    return defaultdict(
        set, {key: {one for first in firsts for one in expand(first)} for key, firsts in needs.items()}
    )


def _find_doubled_ends(run: Run) -> Iterator[str]:
    ends = Counter(Event.objects.filter(run=run, kind__in=_STEP_ENDS).values_list("step__key", flat=True))
    yield from (f"{key}: it ended {times} times in the history" for key, times in ends.items() if times > 1)
    closings = Event.objects.filter(run=run, kind__in=_RUN_ENDS).count()
    if run.status != RunStatus.RUNNING and closings != 1:
        yield f"run: it ended {closings} times in the history"


def _find_bad_proof(run: Run) -> Iterator[str]:
    if run.status != RunStatus.RUNNING:
        fault = runs.verify(run.pk).fault
        if fault is not None:
            yield f"proof: {fault}"


def count_starts(journal: Journal, run: Run) -> Counter[str]:
    """Return how often each step's body started."""
    return Counter(line.key for line in journal.lines("start", run=str(run.pk)))


def count_all_starts(journal: Journal, runs: Iterable[Run]) -> int:
    """Return how many bodies of these runs started."""
    return sum(count_starts(journal, run).total() for run in runs)


def describe_outcome(run: Run) -> dict[str, Any]:
    """Return a run's final state without what differs from run to run by right: tokens and times."""
    run.refresh_from_db()
    steps = Step.objects.filter(run=run).order_by("position")
    outputs = {step.key: (step.status, step.output["step"] if step.output else None) for step in steps}
    return {"status": run.status, "steps": outputs}
