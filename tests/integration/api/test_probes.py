"""What probes are told: by whoever asks, however they ask, and what of it ends in 503."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orchestration import broker, readiness
from orchestration.api import probes
from orchestration.readiness import Part, Readiness, look_at_parts

pytestmark = pytest.mark.django_db


@pytest.fixture
def stranger(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Somebody who knows neither the host's name nor HTTPS, in a process that has not looked yet."""
    settings.ALLOWED_HOSTS = ["desk.example.org"]
    settings.SECURE_SSL_REDIRECT = True
    monkeypatch.setattr(probes, "_READINESS", Readiness())
    return Client(SERVER_NAME="10.0.0.7")


def _ask(client: Client) -> tuple[int, dict[str, Any]]:
    response = client.get("/readyz")
    return response.status_code, json.loads(response.content)


def _away(monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    copy = connection.copy

    def copy_elsewhere() -> Any:
        aside = copy()
        aside.settings_dict |= {"HOST": "127.0.0.1", "PORT": "1", "PASSWORD": "secret-word", **options}
        return aside

    monkeypatch.setattr(connection, "copy", copy_elsewhere)


def test_a_process_that_lives_says_so_and_asks_nothing(stranger: Client) -> None:
    with CaptureQueriesContext(connection) as asked:
        response = stranger.get("/healthz")
    assert (response.status_code, json.loads(response.content)) == (200, {"status": "alive"})
    assert response["Cache-Control"] == "no-store"
    assert len(asked) == 0
    assert stranger.head("/healthz").status_code == 200
    assert stranger.post("/healthz").status_code == 405
    assert stranger.get("/healthz/").status_code != 200


def test_one_that_can_work_says_each_part(stranger: Client) -> None:
    assert _ask(stranger) == (
        200,
        {
            "status": "ready",
            "database": {"ok": True, "says": "it answers"},
            "migrations": {"ok": True, "says": "all are applied"},
            "maintainer": {"ok": False, "says": "none leads"},
            "agents": {"ok": True, "says": "none waits for a worker that can build it"},
            "channels": {"ok": True, "says": "well"},
            "broker": {"ok": True, "says": "it takes messages"},
        },
    )


def test_without_a_database_it_is_not_ready_and_says_no_secret(
    stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    _away(monkeypatch)
    response = stranger.get("/readyz")
    told = json.loads(response.content)
    assert (response.status_code, told["status"]) == (503, "not ready")
    assert told["database"] == {"ok": False, "says": "it can't be reached, or does not answer"}
    assert told["broker"]["ok"]
    assert "migrations" not in told
    assert b"secret-word" not in response.content
    assert stranger.get("/healthz").status_code == 200


def test_a_migration_that_is_missing_stops_it(stranger: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    known = [*readiness._known_migrations(), ("agents", "9999_later")]
    monkeypatch.setattr(readiness, "_known_migrations", lambda: known)
    status, told = _ask(stranger)
    assert (status, told["database"]["ok"]) == (503, True)
    assert told["migrations"] == {"ok": False, "says": "1 are not applied: run `manage.py migrate`"}


def test_a_migration_of_a_newer_release_is_no_fault() -> None:
    MigrationRecorder(connection).record_applied("agents", "9999_later")
    assert all(part.is_well for part in look_at_parts() if part.name == "migrations")


def test_without_a_broker_work_is_still_accepted(stranger: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_try_broker", _raise(OSError("redis://:secret-word@broker is away")))
    status, told = _ask(stranger)
    assert "secret-word" not in str(told)
    assert (status, told["status"], told["broker"]["ok"]) == (200, "ready", False)
    assert "rung for later" in told["broker"]["says"]


def test_what_keeps_the_broker_from_taking_messages_is_said(
    stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_try_broker", _raise(redis.ResponseError("MISCONF secret-word")))
    _, told = _ask(stranger)
    assert "secret-word" not in str(told)
    assert "can't write its data to disk" in told["broker"]["says"]


@pytest.mark.parametrize(
    "words",
    [
        "FATAL:  sorry, too many clients already",
        "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
        'FATAL:  too many connections for role "app"',
    ],
)
def test_a_database_without_a_connection_left_is_told_as_such(
    stranger: Client, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(readiness, "_known_migrations", _raise(OperationalError(words)))
    status, told = _ask(stranger)
    assert (status, told["database"]["ok"]) == (503, False)
    assert "no connection left" in told["database"]["says"]


def _raise(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_many_who_ask_are_answered_by_one_look() -> None:
    looks: list[float] = []
    clock = [100.0]

    def look() -> list[Part]:
        looks.append(clock[0])
        return [Part("database", is_well=True, is_vital=True, said="")]

    answers = Readiness(look, lambda: clock[0])
    for moment in (100.0, 100.5, 100.99, 101.0, 101.5):
        clock[0] = moment
        assert [part.name for part in answers.read()] == ["database"]
    assert looks == [100.0, 101.0]


def test_who_asks_while_another_looks_gets_the_last_answer() -> None:
    clock = [100.0]
    inner: list[str] = []

    def look() -> list[Part]:
        if clock[0] > 101:
            inner.extend(part.said for part in answers.read())
        return [Part("database", is_well=True, is_vital=True, said=f"at {clock[0]:g}")]

    answers = Readiness(look, lambda: clock[0])
    answers.read()
    clock[0] = 102.0
    assert [part.said for part in answers.read()] == ["at 102"]
    assert inner == ["at 100"]
