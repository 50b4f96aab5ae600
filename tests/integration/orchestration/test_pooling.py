"""A pooler that shares sessions among clients is refused; PostgreSQL itself is not."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest

from orchestration import checks
from orchestration.worker.sessions import open_session

pytestmark = pytest.mark.django_db


def _look() -> list[str | None]:
    return [message.id for message in checks.check_sessions(databases=["default"])]


def test_postgresql_itself_passes() -> None:
    assert _look() == []


class _Client:
    """A client of a pooler in transaction mode: each statement goes to the first server session that is free."""

    def __init__(self, pool: list[psycopg.Connection[Any]]) -> None:
        self._pool = pool
        self._own: psycopg.Connection[Any] | None = None

    def execute(self, *statement: Any) -> psycopg.Cursor[Any]:
        return (self._own or self._pool[0]).execute(*statement)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._own = self._pool.pop(0)
        try:
            with self._own.transaction():
                yield
        finally:
            self._pool.insert(0, self._own)
            self._own = None


@pytest.fixture
def pool() -> Iterator[list[psycopg.Connection[Any]]]:
    with open_session("pool") as one, open_session("pool") as two:
        yield [one, two]


def test_a_pooler_in_transaction_mode_is_refused(
    pool: list[psycopg.Connection[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def through_the_pooler(_name: str) -> Iterator[_Client]:
        yield _Client(pool)

    monkeypatch.setattr(checks, "open_session", through_the_pooler)
    assert _look() == ["orchestration.E005"]


def test_a_database_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_name: str) -> AbstractContextManager[Any]:
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(checks, "open_session", refuse)
    assert _look() == ["orchestration.E006"]
