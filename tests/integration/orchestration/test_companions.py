"""What the leading maintainer runs beside its sweeps: as long as it leads, and however badly that behaves."""

import threading
from typing import ClassVar

import pytest
from django.conf import LazySettings

from orchestration.maintenance.companions import Companions


class Companion:
    """Says that it is at work, and behaves as it is told."""

    at_work: ClassVar[threading.Event] = threading.Event()
    ended: ClassVar[threading.Event] = threading.Event()
    released: ClassVar[threading.Event] = threading.Event()
    turns: ClassVar[list[int]] = []


def works(stop: threading.Event) -> None:
    Companion.at_work.set()
    stop.wait(30)
    Companion.ended.set()


def hangs(_stop: threading.Event) -> None:
    Companion.at_work.set()
    Companion.released.wait(30)


def fails_once(stop: threading.Event) -> None:
    Companion.turns.append(1)
    if len(Companion.turns) == 1:
        raise ValueError("a fault of its own")
    works(stop)


@pytest.fixture(autouse=True)
def fresh() -> None:
    for event in (Companion.at_work, Companion.ended, Companion.released):
        event.clear()
    Companion.turns.clear()


def _use(settings: LazySettings, name: str) -> Companions:
    settings.RINGMASTER = settings.RINGMASTER | {"MAINTENANCE_COMPANIONS": [f"{__name__}.{name}"]}
    return Companions()


def test_it_works_until_its_maintainer_stops_and_again_when_it_leads_again(settings: LazySettings) -> None:
    companions = _use(settings, "works")
    for _ in range(2):
        Companion.at_work.clear()
        Companion.ended.clear()
        companions.start()
        companions.start()
        assert Companion.at_work.wait(10)
        companions.stop()
        assert Companion.ended.wait(10)


def test_one_that_hangs_does_not_keep_its_maintainer(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.maintenance.companions._PATIENCE_SECONDS", 0.1)
    companions = _use(settings, "hangs")
    companions.start()
    assert Companion.at_work.wait(10)
    companions.stop()
    Companion.released.set()


def test_one_that_fails_starts_anew(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.maintenance.companions._PAUSE_SECONDS", 0.01)
    companions = _use(settings, "fails_once")
    companions.start()
    assert Companion.at_work.wait(10)
    assert len(Companion.turns) == 2
    companions.stop()
