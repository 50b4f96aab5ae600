"""What an ending does beside its own step: chords that can't fire any more are broken, bounds begin afresh."""

from collections.abc import Callable

import pytest

from orchestration import runs
from orchestration.domain.work import Claim
from orchestration.models import Step
from orchestration.transitions.waiting import mark_unknown_agent, wait_for_pools
from tests.integration.orchestration.rig import Rig, graph

pytestmark = pytest.mark.django_db

_SPEC = graph({"a": (), "b": (), "join": ["a", "b"]})


def _begin() -> Rig:
    rig = Rig.begin(_SPEC)
    Step.objects.filter(run=rig.run_id, key="join").update(chord_intact=True)
    return rig


@pytest.mark.parametrize("end", [Rig.retry, Rig.hold, Rig.free])
def test_an_ending_that_leaves_a_header_undone_breaks_its_chord(end: Callable[[Rig, Claim], object]) -> None:
    rig = _begin()
    claim = rig.take("a")
    assert rig.step("join").chord_intact
    end(rig, claim)
    assert not rig.step("join").chord_intact


def test_a_header_that_is_done_breaks_nothing() -> None:
    rig = _begin()
    rig.finish(rig.take("a"))
    assert rig.step("join").chord_intact


@pytest.mark.parametrize(
    "wait", [lambda step: mark_unknown_agent(step, []), lambda step: wait_for_pools(step, "{}")]
)
def test_a_header_that_begins_to_wait_breaks_its_chord(wait: Callable[[int], object]) -> None:
    rig = _begin()
    wait(rig.step("a").pk)
    assert not rig.step("join").chord_intact


def test_what_starts_afresh_in_a_new_round_may_be_sent_back_as_often_again() -> None:
    rig = Rig.begin(graph({"a": ()}))
    Step.objects.filter(run=rig.run_id, key="a").update(reworks=3)
    rig.fail(rig.take("a"))
    assert rig.run.status == "failed"
    runs.retry(rig.run_id)
    assert rig.step("a").reworks == 0
