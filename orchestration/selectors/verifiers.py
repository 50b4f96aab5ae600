"""How good verifiers are: by what people decided on outputs they had judged, and by trials with known answers."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Max, OuterRef, Subquery

from orchestration.domain.events import EventKind
from orchestration.domain.states import ResolutionKind, StepKind
from orchestration.domain.verdicts import PASS, Score, read_verdict
from orchestration.models import Event, Step, VerifierTrial

# A person who lets an output pass as it is calls it good; one who changes it or sends it back calls it bad.
_GOOD = {
    ResolutionKind.APPROVE.value: True,
    ResolutionKind.EDIT.value: False,
    ResolutionKind.SEND_BACK.value: False,
}
# How a verifier's step gets its output.
_ENDS = (EventKind.STEP_SUCCEEDED, EventKind.STEP_SKIPPED, EventKind.STEP_RESOLVED)


@dataclass(frozen=True, slots=True)
class VerifierRecord:
    """One verifier's record.

    Attributes: asked, passed: all its verdicts in runs.  by_people: those on outputs that a person decided on later.
        by_trials: its latest version's last answers to cases with known answers.
    """

    agent: str
    asked: int
    passed: int
    by_people: Score
    by_trials: Score


def list_verifier_records(
    agent: str | None = None, *, project_ids: Collection[int] | None = None
) -> list[VerifierRecord]:
    """Return every verifier's record, or one's, by name.

    Args: project_ids: count verdicts of these projects' runs only; trials belong to none.
    """
    verdicts = _read_verdicts(agent, project_ids)
    people = _judge_by_people(verdicts)
    trials = _judge_by_trials(agent)
    asked = Counter(verdict.agent for verdict in verdicts)
    passed = Counter(verdict.agent for verdict in verdicts if verdict.passed)
    return [
        VerifierRecord(
            agent=name,
            asked=asked[name],
            passed=passed[name],
            by_people=people[name],
            by_trials=trials[name],
        )
        for name in sorted({*asked, *trials})
    ]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a verifier said.

    Attributes: generation: which output of the step above it was judged.  event_id: the line of the history that
        tells of it; ids grow whatever the clock does.
    """

    agent: str
    parent_id: int
    generation: str
    event_id: int
    passed: bool


def _read_verdicts(agent: str | None, project_ids: Collection[int] | None) -> list[_Verdict]:
    steps = Step.objects.filter(kind=StepKind.VERIFIER, output_json__isnull=False)
    if agent is not None:
        steps = steps.filter(agent=agent)
    if project_ids is not None:
        steps = steps.filter(run__project__in=project_ids)
    # Grouped: for the newest of all lines alone PostgreSQL may walk back through the whole history.
    told = Event.objects.filter(step=OuterRef("pk"), kind__in=_ENDS).order_by().values("step")
    rows = steps.annotate(told=Subquery(told.annotate(last=Max("id")).values("last"))).order_by("id")
    columns = rows.values_list("agent", "parent_id", "key", "told", "output_json")
    return [
        _Verdict(name, parent, key.rpartition("?")[0], line, read_verdict(json.loads(output or "null"))[0])
        for name, parent, key, line, output in columns.iterator(2_000)
        if line is not None
    ]


def _judge_by_people(verdicts: Iterable[_Verdict]) -> defaultdict[str, Score]:
    """Score verdicts against what a person decided on the very output that they were about."""
    by_step: dict[int, list[_Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_step[verdict.parent_id].append(verdict)
    scores: defaultdict[str, Score] = defaultdict(Score)
    lines = Event.objects.filter(kind="step_resolved", step_id__in=by_step).order_by("id")
    for step_id, line, data in lines.values_list("step_id", "id", "data_json"):
        is_good = _GOOD.get(json.loads(data).get("resolution"))
        if is_good is not None:
            for verdict in _find_latest(by_step[step_id], line):
                scores[verdict.agent] = scores[verdict.agent].count(is_good=is_good, passed=verdict.passed)
    return scores


def _find_latest(verdicts: list[_Verdict], event_id: int) -> list[_Verdict]:
    """Return the verdicts on the output that a step had at a line of its history."""
    before = [verdict for verdict in verdicts if verdict.event_id < event_id]
    latest = before[-1].generation if before else None
    return [verdict for verdict in before if verdict.generation == latest]


def _judge_by_trials(agent: str | None) -> defaultdict[str, Score]:
    """Score the trials of each verifier's latest version: each case once, by its last answer."""
    trials = VerifierTrial.objects.all() if agent is None else VerifierTrial.objects.filter(agent=agent)
    versions: dict[str, int | None] = {}
    answers: defaultdict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    rows = trials.order_by("id").values_list("agent", "agent_version", "case_digest", "expected", "said")
    for name, version, case, expected, said in rows.iterator(2_000):
        if versions.setdefault(name, version) != version:
            versions[name] = version
            answers[name].clear()
        answers[name][case] = (expected, said)
    scores: defaultdict[str, Score] = defaultdict(Score)
    for name, cases in answers.items():
        for expected, said in cases.values():
            scores[name] = scores[name].count(is_good=expected == PASS, passed=said == PASS)
    return scores
