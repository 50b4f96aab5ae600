"""kill -9 at the beginning, in the body and at the end of each call of an agent: none that was done is paid twice."""

import json
import os
from collections import Counter

import pytest

from orchestration import WorkflowSpec, runs
from orchestration.models import Call, CallTry, Step
from tests.chaos.arena import Arena
from tests.chaos.specs import step
from tests.processes import SHORT_TIMES

# Each death takes seconds: CHAOS_CALLS=15 dies in all 45 places of fifteen calls.
CALLS = int(os.environ.get("CHAOS_CALLS", "2"))
# So many deaths of one process must not look like crashes of one step.
_PATIENT = json.dumps({**SHORT_TIMES, "CRASH_LIMIT": 100})
_SPEC = WorkflowSpec(name="crash-calls", steps=(step("work", agent="crash.calls", calls=CALLS),))


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    arena.worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.isolated_worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.maintainer(RINGMASTER_OVERRIDES=_PATIENT)
    return arena


@pytest.mark.parametrize("point", ["call_begun", "call_paid", "call_ended"])
def test_a_worker_killed_at_each_call_pays_none_that_was_done_again(workers: Arena, point: str) -> None:
    for number in range(CALLS):
        workers.arm(point, f"call-{number}")

    run = workers.start(_SPEC)
    workers.wait_done(run, seconds=240)

    assert len(workers.journal.lines("killed", point=point)) == CALLS
    done = Step.objects.get(run=run)
    assert done.output == [number * number for number in range(CALLS)]
    paid = workers.journal.lines("paid", run=str(run.pk))
    # Only what was under way at the death may be paid twice: made, and not written yet. It has the same key again.
    most = 2 if point == "call_paid" else 1
    assert Counter(line.number for line in paid) == dict.fromkeys(range(CALLS), most)
    assert len({line.call_key for line in paid}) == CALLS
    assert Call.objects.filter(run=run, state="done").count() == CALLS
    states = Counter(CallTry.objects.filter(run=run).values_list("state", flat=True))
    assert states == ({"done": CALLS} if point == "call_ended" else {"done": CALLS, "lost": CALLS})
    assert runs.verify(run.pk).fault is None
