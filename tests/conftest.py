"""Fixtures of all tests: the database with its first rows, and child processes that work against it.

Where the servers come from: tests/plugins/services.py; how children start and end: tests/processes.py.
"""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from django.conf import settings
from django.contrib import admin
from django.contrib.admin import sites
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker
from pytest_django.plugin import blocking_manager_key

from config import services
from config.services.process import choose_port
from orchestration import testing  # noqa: F401 - lets the flush between tests that commit pass
from orchestration.models import Project
from tests.plugins.edges import EdgeWatch, may_write
from tests.plugins.emptying import Emptying
from tests.processes import ProcessStarter, child_env

if TYPE_CHECKING:
    from tests.chaos.arena import Arena


_SLOW_ROOMS = frozenset({"acceptance", "browser", "chaos", "machine"})


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what stays until the end: all that was imported, and every test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # a test makes much and keeps little: to look less often costs less


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, begin with the files that take long: at the end the quick ones fill both processes."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _take_room(item) not in _SLOW_ROOMS)
    _restore_where_tests_commit(items)


def _take_room(item: pytest.Item) -> str:
    return item.nodeid.split("/")[1]


def _restore_where_tests_commit(items: list[pytest.Item]) -> None:
    """Give tests that commit the rows of the data migrations: the flush after each such test removes them."""
    for item in items:
        if "committed_db" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.django_db(transaction=True))
        marker = item.get_closest_marker("django_db")
        if marker is not None and marker.kwargs.get("transaction"):
            again = pytest.mark.django_db(**{**marker.kwargs, "serialized_rollback": True})
            item.add_marker(again, append=False)
        elif isinstance(item, pytest.Function) and "transactional_db" in item.fixturenames:
            item.fixturenames.append("django_db_serialized_rollback")


_EMPTIED = pytest.StashKey[bool]()
"""Whether a test that commits has come since the first rows were looked for."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Put the first rows back before a test that does not commit: side by side, files come in any order.

    A test that comes after another of its kind has the connection of that one: a new one costs more than many tests.
    A connection that broke fails one test, not all that come after it.
    """
    if connection.connection is not None and connection.connection.closed:
        connection.close()
    if _commits(item):
        item.config.stash[_EMPTIED] = True
    elif may_write(item) and item.config.stash.get(_EMPTIED, False):
        with item.config.stash[blocking_manager_key].unblock():
            _restore_if_empty()
        item.config.stash[_EMPTIED] = False


def _commits(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    by_marker = marker is not None and bool(marker.kwargs.get("transaction"))
    return by_marker or bool({"committed_db", "transactional_db"} & set(getattr(item, "fixturenames", ())))


def _restore_if_empty() -> None:
    if not hasattr(connection, "_test_serialized_contents"):
        return  # the first test that needs the database makes it, with its first rows
    if not Project.objects.filter(slug="default").exists():
        _restore_first_rows()
    connection.close()


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, pytestconfig: pytest.Config
) -> Iterator[None]:
    """Make the test database as ever, and watch in it which ways statuses go; see tests/plugins/edges.py."""
    watch = pytestconfig.pluginmanager.get_plugin("edge-watch")
    assert isinstance(watch, EdgeWatch)
    with django_db_blocker.unblock():
        watch.install(connection.get_connection_params())
        Emptying().install()
    yield
    if hasattr(connection, "_test_serialized_contents"):  # else no test has committed
        with django_db_blocker.unblock():
            _restore_first_rows()  # for the next tests in a database that is kept (`--reuse-db`)
    watch.close()


@pytest.fixture(autouse=True)
def _same_console() -> Iterator[None]:
    """Keep the console's site: a test that changes the installed apps makes a new one, without pages."""
    site = admin.site
    yield
    admin.site = sites.site = site


@pytest.fixture
def service_env(transactional_db: None) -> dict[str, str]:
    """The environment of a child process that works on this test's database and broker, with short leases."""
    return child_env()


@pytest.fixture
def clean_broker() -> None:
    """Empty the broker and the chord counters; on RabbitMQ the test's queues are left as they are."""
    _empty_broker()


@pytest.fixture
def processes(service_env: dict[str, str], clean_broker: None, tmp_path: Path) -> Iterator[ProcessStarter]:
    """Start real workers, maintainers and commands; what is left at the end is killed."""
    starter = ProcessStarter(service_env, tmp_path)
    yield starter
    starter.end_all()


@pytest.fixture
def web_address(processes: ProcessStarter) -> str:
    """Start the web process; return its address."""
    return start_web(processes)


@pytest.fixture(scope="module")
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database for a whole module, whose tests commit and whose child processes go on between them.

    A folder that uses it overrides `_django_db_helper`, which would flush after each test.
    """
    with django_db_blocker.unblock():
        _restore_first_rows()
        yield
        call_command(
            "flush", verbosity=0, interactive=False, inhibit_post_migrate=True, reset_sequences=False
        )
        connection.close()


@pytest.fixture(scope="module")
def arena(committed_db: None, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Arena]":
    """Real workers for a whole module, with crash points, a journal and a judge; see tests/chaos/arena.py."""
    from tests.chaos.arena import Arena  # registers agents, which other tests' processes shall not know

    _empty_broker()
    folder = tmp_path_factory.mktemp("arena")
    arena = Arena(folder / "evidence", ProcessStarter(child_env(), folder))
    yield arena
    arena.end()


def start_web(processes: ProcessStarter, **env: str) -> str:
    """Start the web process as the Procfile does; return its address."""
    port = choose_port(0)
    flags = ("--interface", "asginl", "--no-ws", "--workers-kill-timeout", "5", "--host", "127.0.0.1")
    arguments = (*flags, "--port", str(port), "config.asgi:application")
    web = processes.start("web", "granian", *arguments, **{"DATABASE_POOL_SIZE": "4", **env})
    web.wait_for_output("Started worker-1")
    return f"http://127.0.0.1:{port}"


def _restore_first_rows() -> None:
    """Load what the migrations wrote, which the flush after an earlier test removed."""
    contents = connection._test_serialized_contents  # type: ignore[attr-defined]
    connection.creation.deserialize_db_from_string(contents)


def _empty_broker() -> None:
    for url in (settings.CELERY_BROKER_URL, settings.CELERY_RESULT_BACKEND or ""):
        if services.is_redis(url):
            with redis.Redis.from_url(url) as client:
                client.flushdb()
