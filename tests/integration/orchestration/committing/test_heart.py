"""A heart and the process that beats for it: one that is lost is replaced, and nobody else notices."""

import os

from orchestration.models import WorkerProcess
from orchestration.presence import Presence
from orchestration.worker import implant
from orchestration.worker.heart import Heart
from orchestration.worker.host import WorkerHost
from tests.processes import wait_for


def test_a_worker_whose_pacemaker_is_lost_again_and_again_goes_on_under_its_row() -> None:
    WorkerProcess.objects.all().delete()
    host = WorkerHost()
    heart = Heart(host, Presence("replaced", "host", os.getpid(), ["steps"], ["x.y"], 4))
    heart.start()
    try:
        process_id = host.process_id
        rows = WorkerProcess.objects.filter(pk=process_id)
        for _ in range(2):
            lost = implant._started[-1]
            lost.kill()
            lost.wait(10)
            before = rows.get().beat_at
            wait_for(rows.filter(beat_at__gt=before).exists, what="a beat of the next one, for the same row")
        assert host.process_id == process_id
        assert WorkerProcess.objects.count() == 1
    finally:
        heart.stop()
    assert rows.get().stopped_at is not None
    assert implant._started[-1].wait(10) == 0


def test_what_a_worker_offers_is_in_its_row_with_the_next_beat_and_that_can_be_now() -> None:
    host, offered, told = WorkerHost(), ["x.y"], ["{}"]
    heart = Heart(
        host,
        Presence("offering", "host", os.getpid(), ["steps"], [], 4),
        tell_offers=lambda: (list(offered), told[0]),
    )
    heart.start()
    try:
        rows = WorkerProcess.objects.filter(pk=host.process_id)
        wait_for(rows.filter(agents=["x.y"]).exists, what="what it offered first")
        offered.append("x.z")
        heart.beat_now()
        wait_for(rows.filter(agents=["x.y", "x.z"]).exists, what="what it offers since")
        told[0] = '{"agents":[]}'
        heart.beat_now()
        wait_for(rows.filter(offers_json=told[0]).exists, what="what it tells of them since")
        # A pacemaker that is lost takes with it whether that was written.
        rows.update(offers_json="")
        implant._started[-1].kill()
        wait_for(rows.filter(offers_json=told[0]).exists, what="what it tells, from the next pacemaker")
        # Declared dead, it enters anew with what it offers by then.
        rows.update(stopped_at="2020-01-01T00:00Z")
        heart.beat_now()
        fresh = WorkerProcess.objects.filter(name="offering", stopped_at=None)
        wait_for(fresh.filter(agents=["x.y", "x.z"], offers_json=told[0]).exists, what="its next row")
    finally:
        heart.stop()
    heart.beat_now()
