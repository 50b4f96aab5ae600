"""Whatever an available step waits for: when it is there, the one that the table names makes the step go on."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from agents.admission import set_pool_size
from agents.domain.invocation import FailureKind
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import StepStatus
from orchestration.domain.waits import WAITS, WaitsFor, Waker
from orchestration.executor import mute_breakers
from orchestration.maintenance import leader
from orchestration.models import Step
from orchestration.transitions.heal import wake_now
from tests.integration.orchestration.rig import Rig, failure, graph

pytestmark = pytest.mark.django_db

_OF_POOLS = {WaitsFor.POOL, WaitsFor.SLOT}


def _let_wait(rig: Rig, word: WaitsFor) -> None:
    """Let an available step wait for something that is there already."""
    long_ago = Now() - timedelta(hours=1)
    pools = {"gpu": 1} if word in _OF_POOLS else {}
    Step.objects.filter(run=rig.run_id).update(waits_for=word, pools=pools, dispatched_at=long_ago)


@pytest.mark.parametrize("word", [word for word, wait in WAITS.items() if Waker.MAINTAINER in wait.wakes])
def test_a_sweep_wakes_what_waits_for_the_maintainer(word: WaitsFor) -> None:
    set_pool_size("gpu", 1)
    rig = Rig.begin(graph({"a": ()}))
    with mute_dispatch(), mute_breakers():
        rig.conclude(rig.take("a"), failure(FailureKind.TRANSIENT))
        wake_now(rig.run_id)
        _let_wait(rig, word)
        rung = rig.step("a").dispatched_at

        for duty in leader._DUTIES:
            duty()

    step = rig.step("a")
    assert step.status == StepStatus.AVAILABLE
    assert step.waits_for in {WaitsFor.NOTHING, WaitsFor.SLOT}
    assert step.dispatched_at
    assert rung
    assert step.dispatched_at > rung
