"""Whoever starts a run does not wait until a thousand messages are sent; the maintainer sends the rest at once."""

from typing import Any

import pytest
from celery import current_app
from kombu.connection import Connection

from orchestration import dispatch, runs
from orchestration.broker import Broker
from orchestration.maintenance.scheduler import ring_left, ring_lost
from orchestration.models import Step
from tests.integration.orchestration.rig import Rig, graph

pytestmark = pytest.mark.django_db
WIDE = graph({f"s{number}": () for number in range(250)})
JOINED = graph({**{f"s{number}": () for number in range(20)}, "join": [f"s{number}" for number in range(20)]})


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Publish into memory; return the channel, whose queues tell what was sent."""
    monkeypatch.setattr(dispatch, "_broker", Broker())
    with Connection("memory://") as connection:
        monkeypatch.setattr("orchestration.broker.open_impatient_connection", lambda: connection)
        channel = connection.default_channel
        for queue in current_app.conf.task_queues:
            queue(channel).declare()
            channel.queue_purge(queue.name)
        yield channel


def _steps(rig: Rig, **fields: Any) -> list[int]:
    return list(Step.objects.filter(run=rig.run_id, **fields).order_by("pk").values_list("pk", flat=True))


def _take(channel: Any) -> list[int]:
    taken = []
    while (message := channel.basic_get("steps")) is not None:
        taken.append(message.payload[0][0])
    return taken


def test_of_very_many_steps_the_first_are_sent_and_the_rest_by_the_next_sweep(broker: Any) -> None:
    rig = Rig.begin(WIDE)
    ids = _steps(rig)

    assert dispatch.dispatch(ids, in_haste=True) == 200
    assert _take(broker) == ids[:200]
    assert _steps(rig, waits_for="ring") == ids[200:]
    assert ring_left() == 50
    assert _take(broker) == ids[200:]
    assert _steps(rig, waits_for="") == ids
    assert set(Step.objects.filter(run=rig.run_id).values_list("dispatches", flat=True)) == {1}
    assert ring_left() == 0


def test_when_the_time_is_over_nothing_more_is_sent(broker: Any, settings: Any) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "PUBLISH_BUDGET_SECONDS": 1e-9}
    rig = Rig.begin(WIDE)
    ids = _steps(rig)

    sent = dispatch.dispatch(ids, in_haste=True)

    assert sent < 200
    assert _steps(rig, waits_for="ring") == ids[sent:]
    settings.RINGMASTER = {**settings.RINGMASTER, "PUBLISH_BUDGET_SECONDS": 5.0}
    assert ring_left() == 250 - sent
    assert sorted(_take(broker)) == ids


def test_a_worker_and_the_maintainer_send_all_there_is(broker: Any) -> None:
    rig = Rig.begin(WIDE)
    assert dispatch.dispatch(_steps(rig)) == 250
    assert _steps(rig, waits_for="ring") == []


def test_a_chord_that_was_left_rings_for_nobody(
    broker: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch._Chord, "apply_async", lambda *_, **__: pytest.fail("it is too late"))
    settings.RINGMASTER = {**settings.RINGMASTER, "PUBLISH_BUDGET_SECONDS": 1e-9}
    rig = Rig.begin(JOINED)

    assert dispatch.dispatch(_steps(rig, status="available"), in_haste=True) == 0

    assert len(_steps(rig, waits_for="ring")) == 20
    assert not Step.objects.filter(run=rig.run_id, chord_intact=True).exists()


def test_what_is_left_is_not_lost_and_shows_as_no_trouble(broker: Any) -> None:
    rig = Rig.begin(WIDE)
    dispatch.dispatch(_steps(rig), in_haste=True)
    assert ring_lost() == 0
    assert not runs.get_run(rig.run_id).steps.filter(status="available", waits_for="agent").exists()


def test_of_a_paused_run_the_rest_is_sent_when_it_goes_on(broker: Any) -> None:
    rig = Rig.begin(WIDE)
    dispatch.dispatch(_steps(rig), in_haste=True)
    _take(broker)
    runs.pause(rig.run_id)
    assert ring_left() == 0
    runs.resume(rig.run_id)
    assert ring_left() == 50
