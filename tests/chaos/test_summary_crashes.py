"""kill -9 while summaries are asked for, made, written and handed over: each receiver gets the same."""

import json

import pytest

from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.domain.bundle import verify_file
from orchestration.models import Handoff, Step, Summary
from tests.chaos.arena import Arena, Supervised
from tests.processes import SHORT_TIMES, Child

_KEYS = ("a", "b", "c")
SUMMED = WorkflowSpec(
    name="crash-summed",
    steps=(
        StepSpec("facts", agent="crash.large"),
        *(StepSpec(key, agent="crash.receive", needs=("facts",)) for key in _KEYS),
        StepSpec("end", agent="crash.step", after=_KEYS),
    ),
)
_PATIENT = json.dumps({**SHORT_TIMES, "CRASH_LIMIT": 20, "SUMMARISER_AGENT": "crash.summarise"})
_DEATHS = [
    pytest.param([("before_growth", "a"), ("after_growth", "b"), ("in_summary", "a^facts")], id="asked for"),
    pytest.param(
        [("before_commit", "a^facts"), ("after_commit", "b^facts"), ("after_claim", "c")], id="written"
    ),
    pytest.param(
        [("after_claim", "b^facts"), ("after_growth", "c"), ("before_commit", "a")], id="handed over"
    ),
]


@pytest.fixture(scope="module")
def crowd(arena: Arena) -> Arena:
    arena.worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.supervised.append(_supervise_maintainer(arena))
    return arena


def _supervise_maintainer(arena: Arena) -> Supervised:
    def start() -> Child:
        return arena.starter.maintainer(**arena.env, RINGMASTER_OVERRIDES=_PATIENT)

    child = start()
    child.wait_for_output("maintainer_leads")
    return Supervised(start, child)


@pytest.mark.parametrize("deaths", _DEATHS)
def test_a_worker_killed_around_summaries_leaves_nobody_waiting_and_everybody_with_the_same(
    crowd: Arena, deaths: list[tuple[str, str]]
) -> None:
    for point, key in deaths:
        crowd.arm(point, key)

    [run] = crowd.start_many(SUMMED, 1)
    crowd.wait_done(run, seconds=90)

    killed = sum(len(crowd.journal.lines("killed", point=point, key=key)) for point, key in deaths)
    assert killed >= 1  # who found a summary that was kept comes to no such place
    for point, key in deaths:
        crowd.disarm(point, key)
    run.refresh_from_db()
    assert (run.status, runs.verify(run.pk).fault) == ("succeeded", None)
    assert verify_file(runs.bundle(run.pk)).fault is None
    outputs = Step.objects.filter(run=run, key__in=_KEYS).values_list("output_json", flat=True)
    assert len(outputs) == 3
    assert len(set(outputs)) == 1
    [summary] = Summary.objects.filter(original_digest=Step.objects.get(run=run, key="facts").output_digest)
    assert set(
        Handoff.objects.filter(run=run, summary_json__isnull=False).values_list("digest", flat=True)
    ) == {summary.digest}
    # One call, and one more for each worker that died with it; two that began in the same moment may both make it.
    assert 1 <= len(crowd.journal.lines("summarised", run=str(run.pk))) <= 1 + killed + len(_KEYS)
