"""What PostgreSQL answers says whether another try can help."""

import django.db
import psycopg
import psycopg_pool
import pytest

from orchestration.outages import is_away, is_of_statement, read_sqlstate

AWAY = [
    "08006", "08P01", "25006", "25P03", "25P04", "26000", "28P01", "40001", "40P01", "42P05", "53100", "53200",
    "53300", "55006", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "58030",
]  # fmt: skip
FAULTS = [
    "0A000",
    "21000",
    "22003",
    "22021",
    "23505",
    "25P02",
    "42501",
    "42601",
    "42P01",
    "54000",
    "54001",
    "P0001",
    "XX000",
]


def _refused(sqlstate: str) -> tuple[psycopg.Error, Exception]:
    """Return what psycopg raises for a state, and what Django makes of it."""
    error = psycopg.errors.lookup(sqlstate)("refused")
    kind = next(base.__name__ for base in type(error).__mro__ if hasattr(django.db, base.__name__))
    raised: Exception = getattr(django.db, kind)("refused")
    raised.__cause__ = error
    return error, raised


@pytest.mark.parametrize("sqlstate", AWAY)
def test_an_outage_is_told_by_its_state_whatever_its_class(sqlstate: str) -> None:
    for error in _refused(sqlstate):
        assert is_away(error)
        assert read_sqlstate(error) == sqlstate


@pytest.mark.parametrize("sqlstate", FAULTS)
def test_a_refusal_of_what_was_asked_is_no_outage_whatever_its_class(sqlstate: str) -> None:
    assert [is_away(error) for error in _refused(sqlstate)] == [False, False]


@pytest.mark.parametrize(
    "error",
    [
        django.db.OperationalError("the connection is lost"),
        django.db.InterfaceError("connection already closed"),
        psycopg.OperationalError("could not connect"),
        psycopg_pool.PoolTimeout("none to give"),
    ],
)
def test_where_no_server_answered_the_class_tells(error: Exception) -> None:
    assert is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        django.db.DataError("x"),
        django.db.InternalError("x"),
        django.db.IntegrityError("x"),
        OSError(),
    ],
)
def test_anything_else_is_none(error: Exception) -> None:
    assert not is_away(error)


@pytest.mark.parametrize(
    ("sqlstate", "only"),
    [("57014", True), ("55P03", True), ("40P01", True), ("25006", False), ("57P01", False), ("54000", False)],
)
def test_a_statement_that_was_ended_leaves_its_connection_as_it_was(sqlstate: str, *, only: bool) -> None:
    assert is_of_statement(_refused(sqlstate)[1]) is only
