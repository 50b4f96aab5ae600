"""From a URL, or from what the embedded servers recorded, to Django's and Celery's settings."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import services
from config.database import database_settings
from config.errors import BadEnvironment, ServiceError
from config.services.record import ServiceRecord, read_records, write_record


@given(
    user=st.text(min_size=1, max_size=20),
    password=st.text(max_size=20),
    name=st.text(min_size=1, max_size=20),
)
def test_any_quoted_part_comes_back_as_it_was(user: str, password: str, name: str) -> None:
    # a name that begins with a slash would be read as part of the path
    database = f"n{name}"
    who, secret, where = (quote(part, safe="") for part in (user, password, database))
    url = f"postgresql://{who}:{secret}@db.local:6432/{where}"
    found = database_settings(url, pool_size=0)
    assert (found["USER"], found["PASSWORD"], found["NAME"]) == (user, password, database)
    assert (found["HOST"], found["PORT"]) == ("db.local", "6432")


def test_options_of_the_url_win() -> None:
    options = database_settings("postgres://u@h/n?sslmode=require&application_name=mine", pool_size=0)[
        "OPTIONS"
    ]
    assert (options["sslmode"], options["application_name"]) == ("require", "mine")
    assert options["tcp_user_timeout"] == 5000
    assert "pool" not in options


def test_a_pool_has_the_size_it_was_given() -> None:
    found = database_settings("postgres://u@h/n", pool_size=7)
    assert found["OPTIONS"]["pool"]["max_size"] == 7
    assert found["CONN_MAX_AGE"] == 0


@pytest.mark.parametrize(
    "url", ["mysql://u@h/n", "postgresql://u@h", "postgresql://u@h:port/n", "nonsense", "postgres://["]
)
def test_what_is_no_database_is_refused(url: str) -> None:
    with pytest.raises(BadEnvironment, match=r"^DATABASE_URL "):
        database_settings(url, pool_size=0)


@pytest.mark.parametrize(
    ("configured", "broker", "expected"),
    [
        ("", "redis://:secret@h:1/0", "redis://:secret@h:1/1"),
        ("", "redis://h:1", "redis://h:1/1"),
        ("", "rediss://h:1/5?ssl_cert_reqs=none", "rediss://h:1/1?ssl_cert_reqs=none"),
        ("", "amqp://guest@h//", None),
        ("redis://other/3", "amqp://guest@h//", "redis://other/3"),
    ],
)
def test_where_chords_count(configured: str, broker: str, expected: str | None) -> None:
    assert services.result_backend(configured, broker) == expected


def test_a_set_url_wins_over_the_embedded_server(tmp_path: Path) -> None:
    write_record(tmp_path, "postgres", ServiceRecord(port=1234, password="p", data_dir="d"))
    assert services.database_url("postgresql://mine/x", tmp_path) == "postgresql://mine/x"
    assert services.database_url("", tmp_path) == "postgresql://ringmaster:p@127.0.0.1:1234/ringmaster"


def test_before_the_first_start_the_message_says_how_to_start(tmp_path: Path) -> None:
    assert "manage.py services start" in str(services.explain_unreachable_database(tmp_path, "", None))


@pytest.mark.parametrize(
    ("sqlstate", "is_away"),
    [(None, True), ("57P01", True), ("57P03", True), ("57014", False), ("40P01", False), ("53100", False)],
)
def test_a_configured_database_that_is_away_is_told_from_one_that_refuses(
    tmp_path: Path, sqlstate: str | None, is_away: bool
) -> None:
    hint = services.explain_unreachable_database(tmp_path, "postgresql://mine/x", sqlstate)
    assert (hint is not None and "DATABASE_URL" in hint) is is_away


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "services.json").write_text('{"postgres": {"port": 1}}')
    with pytest.raises(ServiceError, match=r"services\.json is damaged"):
        read_records(tmp_path)


def test_records_are_private(tmp_path: Path) -> None:
    write_record(tmp_path, "valkey", ServiceRecord(port=1, password="p", data_dir="d"))
    assert (tmp_path / "services.json").stat().st_mode & 0o077 == 0
