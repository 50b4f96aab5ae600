"""What a command says when the database answers, but can't now: one line, whatever class Django gives it."""

from contextlib import nullcontext
from typing import Any

import psycopg
import pytest
from django.db import DataError, InternalError, OperationalError

import manage


def _end_with(monkeypatch: pytest.MonkeyPatch, error: Exception, cause: Exception) -> None:
    def execute(_words: Any) -> None:
        raise error from cause

    monkeypatch.setattr(manage, "execute_from_command_line", execute)
    # It closes what pytest reads.
    monkeypatch.setattr(manage, "guarded_streams", nullcontext)
    monkeypatch.setattr("config.services.explain_unreachable_database", lambda *_: None)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (InternalError("cannot execute INSERT"), psycopg.errors.ReadOnlySqlTransaction()),
        (OperationalError("too many clients"), psycopg.errors.TooManyConnections()),
        (OperationalError("canceling statement"), psycopg.errors.QueryCanceled()),
    ],
    ids=["read-only", "too many", "cancelled"],
)
def test_an_outage_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception, cause: Exception) -> None:
    _end_with(monkeypatch, error, cause)
    with pytest.raises(SystemExit, match=rf"can't do this now; .* try again in a moment\. \({error}\)"):
        manage.main()


def test_a_fault_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    _end_with(monkeypatch, DataError("out of range"), psycopg.errors.NumericValueOutOfRange())
    with pytest.raises(DataError):
        manage.main()
