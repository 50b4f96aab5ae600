"""Collects which ways statuses go while the tests run, and compares them with the lists of edges at the end.

A trigger that only test databases have counts each pair of an old and a new status in a sequence of its own. What a
sequence has counted outlives the rollback that ends a test, and it counts whoever writes: workers that a test starts
work on the same database. Of several test processes side by side each has a database; their distributor adds up.

Only what binds its values on the server (`$1`) is counted, as all statements of `transitions/` do. What a test writes
to set a scene, with the ORM or a cursor, is bound on the client. A test that takes a guard out of the product's own
statements says so: `@pytest.mark.breaks_guards`.
"""

from collections.abc import Mapping
from contextlib import suppress
from itertools import product
from typing import Any, Final

import psycopg
import pytest

from orchestration.domain.states import RUN_BEGINS, RUN_EDGES, STEP_BEGINS, STEP_EDGES, RunStatus, StepStatus

_STATUSES: Final[dict[str, list[str]]] = {"step": list(StepStatus), "run": list(RunStatus)}
_NEW: Final = "new"
_NAMES: Final[dict[str, str]] = {
    f"{table}_{old}_{new}": f"{table} {old} -> {new}"
    for table, statuses in _STATUSES.items()
    for old, new in product((_NEW, *statuses), statuses)
    if old != new
}
"""By the name of its sequence, each pair as a person reads it."""

LISTED: Final[dict[str, str]] = {
    **{f"step {_NEW} -> {status}": word for status, word in STEP_BEGINS.items()},
    **{f"step {old} -> {new}": word for (old, new), word in STEP_EDGES.items()},
    **{f"run {_NEW} -> {status}": word for status, word in RUN_BEGINS.items()},
    **{f"run {old} -> {new}": word for (old, new), word in RUN_EDGES.items()},
}
_FUNCTION: Final = f"""
DROP SCHEMA IF EXISTS edges_shown CASCADE;  -- of a database that was kept (`--reuse-db`)
CREATE SCHEMA edges_shown;
CREATE FUNCTION edges_shown.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF current_query() LIKE '%$1%' THEN
        PERFORM nextval(format('edges_shown.%s_%s_%s', TG_ARGV[0], coalesce(OLD.status, '{_NEW}'), NEW.status));
    END IF;
    RETURN NULL;
END $$;
"""
_TRIGGERS: Final = """
CREATE TRIGGER edge_shown AFTER UPDATE ON orchestration_{table} FOR EACH ROW
    WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION edges_shown.note('{table}');
CREATE TRIGGER begin_shown AFTER INSERT ON orchestration_{table} FOR EACH ROW
    EXECUTE FUNCTION edges_shown.note('{table}');
"""
_SHOWN: Final = """
SELECT sequencename FROM pg_sequences WHERE schemaname = 'edges_shown' AND last_value IS NOT NULL
"""
_FORGET: Final = "SELECT setval(('edges_shown.' || %s)::regclass, 1, false)"
_HOMES: Final = {
    "test_control.py": ("abort", "cancel", "pause", "resume", "new round", "retry in a new round", "close"),
    "test_rework.py": ("rework", "rework or new round"),
    "test_fork.py": ("reuse",),
    "test_growing.py": (
        "expand or suspend",
        "release",
        "release or answer",
        "behind others",
        "first",
        "start",
    ),
    "test_compensating.py": (
        "abort with compensations",
        "compensated",
        "abort by a person",
        "skip by a person",
    ),
    "test_falling_back.py": ("free, put aside, revise, fall back or stop at a pause", "skip", "fail"),
    "test_healing.py": ("wake", "retry"),
    "test_together.py": ("send back", "send back or answer", "new round or go on", "wait again"),
    "test_planned.py": ("claim", "run on", "accept"),
    "test_clock.py": ("hold", "approve"),
    "test_results.py": ("end early",),
    "committing/test_order_races.py": ("start below a paused run",),
}
"""By the file of integration tests, the words of those edges that it shows, or could."""

_DATABASES: Final = frozenset({"db", "transactional_db", "committed_db"})
_OUTPUT: Final = "edges_shown"
_JUDGED: Final = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


class EdgeWatch:
    """What a test process knows of the edges. `shown`: by pair, the first test that showed it."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}
        self._test: pytest.Item | None = None
        self._parameters: dict[str, Any] | None = None
        self._connection: psycopg.Connection[Any] | None = None

    def install(self, connection_parameters: Mapping[str, Any]) -> None:
        """Make the trigger in a new test database."""
        self._parameters = {
            key: connection_parameters[key]
            for key in ("host", "port", "user", "password", "dbname")
            if key in connection_parameters
        }
        self._run(_FUNCTION)
        self._run("".join(f"CREATE SEQUENCE edges_shown.{name};" for name in _NAMES))
        self._run("".join(_TRIGGERS.format(table=table) for table in _STATUSES))

    def close(self) -> None:
        """Let go of the database, which is about to be removed."""
        self._look()
        if self._connection is not None:
            self._connection.close()
        self._parameters = self._connection = None

    def _look(self) -> None:
        """Note what was shown since the last look; forget what a broken guard let through."""
        if self._parameters is None or self._test is None:
            return
        for (name,) in self._run(_SHOWN).fetchall():
            if _NAMES[name] in self.shown:
                continue
            if self._test.get_closest_marker("breaks_guards") is None:
                self.shown[_NAMES[name]] = self._test.nodeid
            else:
                self._run(_FORGET, name)

    def _run(self, statement: str, *values: str) -> psycopg.Cursor[Any]:
        if self._connection is not None:
            with suppress(psycopg.OperationalError):  # a test may have ended every connection
                return self._connection.execute(statement, values or None)
            self._connection.close()
        self._connection = psycopg.connect(**self._parameters or {}, autocommit=True)
        return self._connection.execute(statement, values or None)

    # What pytest calls.

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Any:
        """Look once a test with a database is over, and all that it had started."""
        if not may_write(item):
            return (yield)
        self._test = item
        try:
            return (yield)
        finally:
            self._look()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take in what a test process beside others has seen."""
        for pair, test in getattr(node, "workeroutput", {}).get(_OUTPUT, {}).items():
            self.shown.setdefault(pair, test)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Hand on what was shown, or judge it."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_OUTPUT] = self.shown
        elif exitstatus in _JUDGED:
            is_over = not (session.shouldfail or session.shouldstop)
            faults = judge(self.shown, is_whole=is_over and is_whole(session.config))
            if faults:
                _fail(session, "\n".join(faults))


def judge(shown: Mapping[str, str], *, is_whole: bool) -> list[str]:
    """Return what is wrong with the lists of edges.

    Args: is_whole: all tests ran, so that each listed edge must have been shown.
    """
    faults = [
        f"{pair}: no edge of orchestration/domain/states.py, and {test} shows it. List it, if that is right. If the "
        "test had taken a guard away, mark it `breaks_guards`."
        for pair, test in shown.items()
        if pair not in LISTED
    ]
    missing = [pair for pair in LISTED if pair not in shown] if is_whole else []
    return faults + [
        f"{pair} ({LISTED[pair]}): listed in orchestration/domain/states.py, and no test shows it. Add one to "
        f"{find_home(LISTED[pair])}, or take the edge off the list."
        for pair in missing
    ]


def is_whole(config: pytest.Config) -> bool:
    """Return whether this is the whole suite, by what was asked for."""
    narrowed = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise")
    is_narrowed = any(config.getoption(option, None) for option in narrowed)
    is_all = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not is_narrowed
    return is_all or bool(config.getoption("all_edges"))


def may_write(item: pytest.Item) -> bool:
    """Return whether a test has a database, itself or by one of its fixtures."""
    return item.get_closest_marker("django_db") is not None or bool(
        _DATABASES & set(getattr(item, "fixturenames", ()))
    )


def find_home(word: str) -> str:
    """Return the file of tests where an edge of this name is shown best."""
    home = next((home for home, words in _HOMES.items() if word in words), "")
    return f"tests/integration/orchestration/{home}"


def _fail(session: pytest.Session, words: str) -> None:
    """Let the run fail as a test does that stands for the whole."""
    place = ("tests/plugins/edges.py", 0, "the edges that tests show are those that are listed")
    report = pytest.TestReport(
        nodeid=f"{place[0]}::{place[2]}",
        location=place,
        keywords={},
        outcome="failed",
        longrepr=words,
        when="call",
    )
    session.config.hook.pytest_runtest_logreport(report=report)
    session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a part of the suite be judged as the whole."""
    parser.addoption("--all-edges", action="store_true", help="fail unless each listed edge was shown")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch."""
    config.addinivalue_line(
        "markers",
        "breaks_guards: it takes a guard away; what it then shows are no edges",
    )
    config.pluginmanager.register(EdgeWatch(), "edge-watch")
