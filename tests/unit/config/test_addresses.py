"""From a URL, or from what the embedded servers recorded, to Django's and Celery's settings."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import services
from config.database import database_settings
from config.errors import BadEnvironment, ServiceError
from config.services.record import ServiceRecord, read_records, write_record
from tests.architecture.sources import PROJECT_DIR

# libpq takes no NUL.
_CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


@given(
    user=st.text(_CHARACTERS, min_size=1, max_size=20),
    password=st.text(_CHARACTERS, max_size=20),
    name=st.text(_CHARACTERS, min_size=1, max_size=20),
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


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@db1:5432,db2:6432/n", {"HOST": "db1,db2", "PORT": "5432,6432"}),
        ("postgresql://u@db1,db2/n", {"HOST": "db1,db2", "PORT": ","}),
        ("postgresql://u@db1:5432,db2/n", {"HOST": "db1,db2", "PORT": "5432,"}),
        ("postgresql:///n?host=db1,db2&port=6432&user=u", {"HOST": "db1,db2", "PORT": "6432", "USER": "u"}),
        ("postgresql://u@[2001:db8::1]:6432/n", {"HOST": "2001:db8::1", "PORT": "6432"}),
        ("postgresql://u@[::1],[::2]:6432/n", {"HOST": "::1,::2", "PORT": ",6432"}),
        ("postgresql://u@%2Fvar%2Frun%2FPG/n", {"HOST": "/var/run/PG"}),
        ("postgresql://u@Db.Example.ORG/n", {"HOST": "Db.Example.ORG"}),
        ("postgresql://u:a%40b%2Fc@h/n%20m", {"PASSWORD": "a@b/c", "NAME": "n m"}),
        ("postgresql:///n", {"HOST": "", "USER": "", "PASSWORD": ""}),
        ("postgresql://?service=mine", {"NAME": "", "HOST": ""}),
        ("postgresql://u:@h:/n", {"PASSWORD": "", "PORT": ""}),
    ],
)
def test_an_address_is_taken_as_libpq_takes_it(url: str, expected: dict[str, str]) -> None:
    found = database_settings(url, pool_size=4)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("target_session_attrs=read-write", "target_session_attrs", "read-write"),
        ("passfile=%2Frun%2Fsecrets%2Fpg", "passfile", "/run/secrets/pg"),
        ("application_name=a+b", "application_name", "a+b"),
        ("connect_timeout=1&sslmode=require", "connect_timeout", "1"),
        ("sslrootcert=%2Fca.pem", "sslrootcert", "/ca.pem"),
        ("load_balance_hosts=random", "load_balance_hosts", "random"),
    ],
)
def test_options_of_libpq_go_on_to_it(query: str, name: str, value: str) -> None:
    assert database_settings(f"postgresql://u@a,b/n?{query}", pool_size=4)["OPTIONS"][name] == value


def test_session_options_add_to_the_engines_own_and_come_last() -> None:
    own = database_settings("postgresql://u@h/n", pool_size=0)["OPTIONS"]["options"]
    both = database_settings("postgresql://u@h/n?options=-c%20search_path%3Dapp", pool_size=0)["OPTIONS"][
        "options"
    ]
    assert both == f"{own} -c search_path=app"
    assert "plan_cache_mode" in own


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "postgresql://u:geheim@h/n?pool=1",
            "'pool' is no option of libpq's; the size of the pool is DATABASE_POOL_SIZE",
        ),
        ("postgresql://u:geheim@h/n?sslmod=require", "'sslmod' is no option"),
        ("postgresql://u:geheim%zz@h/n", "invalid percent-encoded token"),
        ("postgresql://u:geheim@h:123456/n", "a port that is no number"),
        ("postgresql://u:geheim@a:1,b:2,c/n", ""),
        ("postgresql://u:geheim@a,b,c/n?port=1,2", "one port for all hosts, or one for each"),
        ("postgresql://u:geheim@h", "names no database"),
        ("host=h dbname=n password=geheim", "must look like"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_without_its_password(url: str, words: str) -> None:
    if not words:
        assert database_settings(url, pool_size=0)["PORT"] == "1,2,"
        return
    with pytest.raises(BadEnvironment) as caught:
        database_settings(url, pool_size=0)
    assert words in str(caught.value)
    assert "geheim" not in str(caught.value)


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


@pytest.mark.parametrize(
    ("url", "address", "options"),
    [
        ("redis://:p@h:1/0", "redis://:p@h:1/0", None),
        ("amqp://guest@h//", "amqp://guest@h//", None),
        ("rediss://:p@h:1/0", "rediss://:p@h:1/0", {"ssl_cert_reqs": "required"}),
        ("rediss://h/0?ssl_cert_reqs=none", "rediss://h/0", {"ssl_cert_reqs": "none"}),
        ("rediss://h/0?ssl_cert_reqs=CERT_OPTIONAL", "rediss://h/0", {"ssl_cert_reqs": "optional"}),
        (
            "rediss://h/0?ssl_ca_certs=%2Fca.pem&health_check_interval=5&ssl_check_hostname=False",
            "rediss://h/0?health_check_interval=5",
            {"ssl_cert_reqs": "required", "ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False},
        ),
    ],
)
def test_over_tls_the_certificate_is_checked_unless_the_address_says_otherwise(
    url: str, address: str, options: dict[str, object] | None
) -> None:
    assert services.split_tls("CELERY_BROKER_URL", url) == (address, options)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("ssl_cert_reqs=maybe", "ssl_cert_reqs"),
        ("ssl_check_hostname=perhaps", "ssl_check_hostname"),
        ("ssl_cert=x", "ssl_cert'"),
    ],
)
def test_a_tls_option_that_nobody_knows_is_refused_by_its_name(query: str, words: str) -> None:
    with pytest.raises(BadEnvironment, match=r"^CELERY_BROKER_URL ") as caught:
        services.split_tls("CELERY_BROKER_URL", f"rediss://:geheim@h/0?{query}")
    assert words in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("query", ["", "?ssl_ca_certs=/ca.pem", "?ssl_cert_reqs=none"])
@pytest.mark.parametrize("chords", ["", "redis://other/3", "rediss://other/3"])
def test_workers_flower_and_chords_get_what_the_address_says_of_tls(query: str, chords: str) -> None:
    code = (
        "import json\n"
        "from config import celery_app as app\n"
        "ssl = app.connection_for_write().ssl\n"
        "counter = app.backend.connparams\n"
        "print(json.dumps([app.conf.broker_use_ssl, ssl, counter], default=str))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        env={"CELERY_BROKER_URL": f"rediss://:p@h:1/0{query}", "CELERY_RESULT_BACKEND": chords},
        capture_output=True,
        text=True,
        check=True,
    )
    of_flower, of_workers, of_chords = json.loads(answer.stdout)
    checked = "none" if "none" in query else "required"
    file = "/ca.pem" if "/ca.pem" in query else None
    assert (of_flower["ssl_cert_reqs"], of_flower.get("ssl_ca_certs")) == (checked, file)
    # What is missing here, redis-py takes for required.
    assert of_workers.get("ssl_cert_reqs", "required") in (checked, 0 if checked == "none" else 2)
    assert of_workers.get("ssl_ca_certs") == file
    if chords.startswith("redis:"):
        assert "ssl_cert_reqs" not in of_chords
    else:
        same = not chords
        assert of_chords["ssl_cert_reqs"] == (0 if checked == "none" and same else 2)
        assert of_chords.get("ssl_ca_certs") == (file if same else None)


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
