"""A worker does not start where no step could be performed, and starts where only some could not."""

from collections.abc import Iterator

import psycopg
import pytest
from django.conf import LazySettings
from django.core.checks import CheckMessage, Error, register
from django.core.checks.registry import registry
from structlog.testing import capture_logs

from orchestration import checks
from orchestration.worker.checklist import WORKER, refuse_faults


@pytest.fixture
def found() -> Iterator[list[CheckMessage]]:
    """What one more check of the worker's finds."""
    messages: list[CheckMessage] = []

    def check(**_: object) -> list[CheckMessage]:
        return messages

    register(check, WORKER)
    yield messages
    registry.registered_checks.discard(check)


@pytest.fixture(autouse=True)
def _vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors are enabled, whatever other tests have done to this database."""
    monkeypatch.setattr(checks, "are_enabled", lambda: True)


def test_what_is_only_worth_knowing_is_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "are_enabled", lambda: False)
    with capture_logs() as lines:
        refuse_faults()
    [line] = lines
    assert (line["event"], line["log_level"], line["check"]) == ("check_noted", "info", "orchestration.I001")
    assert "enable_vectors" in line["next"]


def test_a_healthy_worker_starts() -> None:
    with capture_logs() as lines:
        refuse_faults()
    assert lines == []


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"LEASE_SECOND": 15.0}, "orchestration.E001: RINGMASTER['LEASE_SECOND']"),
        ({"HANDOFF_TOKEN_BUDGET": 9}, "orchestration.E001: RINGMASTER['HANDOFF_TOKEN_BUDGET']"),
        ({"LEASE_SECONDS": 1.0}, "orchestration.E003: RINGMASTER['LEASE_SECONDS'] (1)"),
    ],
)
def test_wrong_settings_end_the_start_with_a_line_that_names_them(
    settings: LazySettings, given: dict[str, float], named: str
) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, **given}
    with pytest.raises(SystemExit) as ended:
        refuse_faults()
    assert named in str(ended.value)


def test_a_pooler_that_shares_sessions_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_keeps_its_session", lambda *_: False)
    with pytest.raises(SystemExit, match="pool_mode"):
        refuse_faults()


def test_a_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> psycopg.Connection[object]:
        raise psycopg.OperationalError(f"{name}: connection refused")

    monkeypatch.setattr(checks, "open_session", refuse)
    with capture_logs() as lines:
        refuse_faults()
    assert [line["check"] for line in lines] == ["orchestration.E006"]


def test_a_fault_of_one_agent_is_said_and_the_others_work(found: list[CheckMessage]) -> None:
    found.append(Error("agent x asks for too much", hint="Ask for less.", id="agents.E003"))
    with capture_logs() as lines:
        refuse_faults()
    assert [(line["check"], line["next"]) for line in lines] == [("agents.E003", "Ask for less.")]
