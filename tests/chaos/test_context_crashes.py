"""kill -9 around what a step is handed of memory, and around a conversation that is told in short.

Whoever goes on is handed the same, sends the same, and pays for nothing again that was done.
"""

import json
from collections import Counter

import pytest

from orchestration import Recall, StepSpec, WorkflowSpec, memory, runs
from orchestration.domain.bundle import verify_file
from orchestration.models import Attempt, Call, CallTry, Handoff, Run, Step, Summary
from orchestration.usage.sums import sum_used
from tests.chaos.arena import APPS, Arena
from tests.chaos.modelapp.agents import TALKER_TOOLS
from tests.processes import SHORT_TIMES

_SUMMARISER = "tests.chaos.modelapp.agents.tell_in_short"
# So many deaths of one process must not look like crashes of one step.
_PATIENT = json.dumps({**SHORT_TIMES, "CRASH_LIMIT": 20, "SUMMARISER": _SUMMARISER})
_RECALLS = WorkflowSpec(
    name="crash-recalls",
    steps=(StepSpec("use", agent="crash.recall", recall=Recall("'what crashed last'", limit=2)),),
)
_TALKS = WorkflowSpec(name="crash-talks", steps=(StepSpec("talk", agent="crash.converser"),))


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    arena.worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.isolated_worker(apps=f"{APPS},tests.chaos.modelapp", RINGMASTER_OVERRIDES=_PATIENT)
    arena.maintainer(RINGMASTER_OVERRIDES=_PATIENT)
    return arena


def _count_killed(workers: Arena) -> int:
    return len(workers.journal.lines("killed"))


def _check_proofs(run: Run) -> None:
    run.refresh_from_db()
    assert (run.status, runs.verify(run.pk).fault) == ("succeeded", None)
    assert verify_file(runs.bundle(run.pk)).fault is None


def test_whoever_goes_on_is_handed_the_memories_of_the_first_attempt(workers: Arena) -> None:
    deaths = [
        ("call_ended", "pin"),
        ("call_paid", "recall"),
        ("call_ended", "recall"),
        ("recalled", "use"),
        ("before_commit", "use"),
    ]
    for point, key in deaths:
        workers.arm(point, key)
    known = memory.remember("project", "crash/known", "the lamp", search="what crashed last")
    before = _count_killed(workers)

    run = workers.start(_RECALLS)
    workers.wait_until(lambda: _count_killed(workers) > before, "the first death")
    memory.remember("project", "crash/known", "the chair", search="what crashed last")
    memory.remember("project", "crash/new", "the table", search="what crashed last")
    workers.wait_done(run, seconds=120)

    assert _count_killed(workers) - before == len(deaths)
    [handed] = Step.objects.get(run=run).output
    assert (handed["key"], handed["version"], handed["value"]) == ("crash/known", 1, "the lamp")
    said = workers.journal.lines("recalled", run=str(run.pk))
    assert [line.said for line in said] == [["the lamp"]] * 2  # one died with it, one was accepted
    rows = list(Handoff.objects.filter(run=run, kind="recall").order_by("attempt__number"))
    assert {(row.memory_id, row.digest) for row in rows} == {(known.pk, known.digest)}
    assert len(rows) == 3  # of the one that died right after, and of those whose agents were handed it
    assert Attempt.objects.filter(step__run=run).count() == len(deaths) + 1
    states = Counter(CallTry.objects.filter(run=run, call__name="recall").values_list("state", flat=True))
    assert states == {"lost": 2, "done": 1}
    assert Call.objects.filter(run=run, kind="memory").count() == 2
    _check_proofs(run)

    later = workers.start(_RECALLS)
    workers.wait_done(later)
    assert {hit["value"] for hit in Step.objects.get(run=later).output} == {"the chair", "the table"}


def test_a_conversation_that_died_while_it_was_told_in_short_goes_on_in_the_same_words(
    workers: Arena,
) -> None:
    deaths = [
        ("call_begun", "compact"),
        ("in_summary", "talk"),
        ("call_paid", "compact"),
        ("call_ended", "compact"),
    ]
    for point, key in deaths:
        workers.arm(point, key)
    before = _count_killed(workers)

    run = workers.start(_TALKS)
    workers.wait_done(run, seconds=240)

    assert _count_killed(workers) - before == len(deaths)
    assert Step.objects.get(run=run).output == "done"
    told = workers.journal.lines("told")
    assert [line.number for line in told] == list(range(TALKER_TOOLS + 1))  # none of them twice
    assert told[-1].hidden > 0
    assert [line.number for line in workers.journal.lines("looked")] == list(range(TALKER_TOOLS))
    shortened = Counter(line.digest for line in workers.journal.lines("shortened"))
    # Only the one that was being made at a death is made again; one that was kept, and not yet answered, is not.
    assert sorted(shortened.values()) == [*[1] * (len(shortened) - 1), 2]
    calls = Call.objects.filter(run=run, name="compact")
    assert calls.count() == len(shortened) == Summary.objects.filter(summariser=f"{_SUMMARISER}@1").count()
    assert set(calls.values_list("state", flat=True)) == {"done"}
    states = Counter(CallTry.objects.filter(run=run, call__name="compact").values_list("state", flat=True))
    assert states == {"lost": 3, "done": len(shortened)}
    used = sum_used([run.pk])
    assert (used.input_tokens, used.output_tokens) == (10 * (TALKER_TOOLS + 1), TALKER_TOOLS + 1)
    assert Attempt.objects.filter(step__run=run).count() == len(deaths) + 1
    _check_proofs(run)
