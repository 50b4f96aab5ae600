"""The process as the executor sees it, before and after it has its row."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from orchestration.domain.work import Claim
from orchestration.worker import current_host, lifecycle, this_host
from orchestration.worker.heart import Heart
from orchestration.worker.host import WorkerHost


def _stay_quiet(_heart: Heart) -> None:
    return None


@pytest.fixture
def quiet_heart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a process begin without a database: its heart does not beat."""
    monkeypatch.setattr(Heart, "start", _stay_quiet)
    yield
    this_host().entered.clear()


def test_a_message_that_comes_before_the_row_waits_for_it(quiet_heart: None) -> None:
    # given: a message that was delivered while the worker was still starting
    seen: list[int] = []
    at_work = threading.Event()

    def perform() -> None:
        with current_host() as host:
            at_work.set()
            seen.append(host.process_id)

    message = threading.Thread(target=perform)
    message.start()
    assert at_work.wait(5)

    # when: the process begins and gets its row
    lifecycle._life.begin("early@test", concurrency=4, teller=None)
    this_host().enter(7)
    message.join(5)

    # then
    assert seen == [7]


def test_a_beat_reports_what_is_in_flight() -> None:
    with current_host():
        assert this_host().report().busy == 1
    assert this_host().report().busy == 0


def test_a_row_that_has_ended_is_waited_for_once() -> None:
    host = WorkerHost()
    host.enter(7)
    host.enter_anew(6)  # said of a former row: there was a beat since
    assert host.process_id == 7

    host.enter_anew(7)
    assert not host.entered.is_set()
    host.enter(8)
    assert host.process_id == 8


@dataclass(frozen=True)
class _Claimed:
    """What the host looks at of a claim: rung at one moment, claimed a second later."""

    dispatched_at: datetime
    is_of_newest_message: bool = True

    @property
    def claimed_at(self) -> datetime:
        return self.dispatched_at + timedelta(seconds=1)


def test_the_newest_message_is_told_also_after_the_clock_stepped_back() -> None:
    """Told for an hour from the future, it would make every queued message look lost."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    host = WorkerHost()
    for moment, newest in (
        (noon, noon),
        (noon - timedelta(seconds=0.5), noon),
        (noon - timedelta(hours=1), noon - timedelta(hours=1)),
        (noon + timedelta(seconds=5), noon + timedelta(seconds=5)),
    ):
        host.note_claim(cast("Claim", _Claimed(moment)))
        assert host.report().newest_dispatch_at == newest
    host.note_claim(cast("Claim", _Claimed(noon + timedelta(hours=1), is_of_newest_message=False)))
    assert host.report().newest_dispatch_at == noon + timedelta(seconds=5)
