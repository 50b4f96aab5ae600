from collections.abc import Iterator

import pytest

from tests.machine.bodies import AGENTS
from tests.machine.engine import install_kill_points


@pytest.fixture(autouse=True)
def _django_db_helper(committed_db: None) -> None:
    """These tests commit and make runs of their own: one flush a module will do."""


@pytest.fixture(autouse=True)
def engine(settings: pytest.FixtureRequest) -> Iterator[None]:
    """The engine with its points of death, and with breakers that stay closed: those have machines of their own."""
    settings.RINGMASTER = {**settings.RINGMASTER, "BREAKER_FAILURES": 1_000_000}  # type: ignore[attr-defined]
    with AGENTS.installed(), install_kill_points():
        yield
