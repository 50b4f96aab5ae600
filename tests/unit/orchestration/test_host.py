"""The process as the executor sees it, before and after it has its row."""

import threading
from collections.abc import Iterator

import pytest

from orchestration.worker import current_host, lifecycle, this_host
from orchestration.worker.heart import Heart


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
