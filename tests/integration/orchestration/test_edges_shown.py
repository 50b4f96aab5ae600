"""The watch over edges sees what transitions do and nothing else, and fails the suite in both directions."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from django.db import connection, transaction

from orchestration.database.statements import fetch_all
from orchestration.models import Step
from tests.integration.orchestration.rig import Rig, graph
from tests.plugins.edges import LISTED, find_home, is_whole, judge

_ROOT = Path(__file__).resolve().parents[3]
_CLAIM = "step available -> running"


@pytest.fixture
def rig(db: None) -> Rig:
    return Rig.begin(graph({"a": ()}))


def _count(pair: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT last_value - 1 + is_called::int FROM edges_shown.{pair}")
        return int(cursor.fetchone()[0])


def test_what_a_transition_does_is_seen_though_it_is_rolled_back(rig: Rig) -> None:
    before = _count("step_available_running")
    with transaction.atomic():
        rig.take("a")
        transaction.set_rollback(True)
    assert rig.step("a").status == "available"
    assert _count("step_available_running") == before + 1


def test_what_a_test_writes_is_no_edge(rig: Rig) -> None:
    before = _count("step_available_pending"), _count("step_pending_available")
    Step.objects.filter(run=rig.run_id).update(status="pending")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orchestration_step SET status = 'available' WHERE run_id = %s", [rig.run_id])
    assert rig.step("a").status == "available"
    assert (_count("step_available_pending"), _count("step_pending_available")) == before


def test_where_a_run_and_its_steps_begin_is_seen(db: None) -> None:
    names = ("run_new_running", "step_new_available", "step_new_pending")
    before = [_count(name) for name in names]
    Rig.begin(graph({"a": (), "b": (), "c": ["a"]}))
    assert [_count(name) - was for name, was in zip(names, before, strict=True)] == [1, 2, 1]


def test_a_change_that_leaves_the_status_is_no_edge(rig: Rig) -> None:
    # There is no sequence for it: counting it would fail.
    statement = (
        "UPDATE orchestration_step SET status = status, feedback = 'x' WHERE run_id = %(run)s RETURNING id"
    )
    assert len(fetch_all(statement, {"run": rig.run_id})) == 1
    assert rig.step("a").feedback == "x"


def test_what_is_shown_must_be_listed() -> None:
    shown = {_CLAIM: "a test", "step skipped -> held": "tests/x.py::test_y"}
    [fault] = judge(shown, is_whole=False)
    assert fault.startswith(
        "step skipped -> held: no edge of orchestration/domain/states.py, and tests/x.py::test_y"
    )


def test_what_is_listed_must_be_shown_by_the_whole_suite() -> None:
    shown = dict.fromkeys(LISTED, "a test")
    assert judge(shown, is_whole=True) == []
    del shown[_CLAIM]
    assert judge(shown, is_whole=False) == []
    [fault] = judge(shown, is_whole=True)
    assert fault.startswith(
        f"{_CLAIM} (claim): listed in orchestration/domain/states.py, and no test shows it"
    )


@pytest.mark.parametrize(
    ("source", "options", "answer"),
    [
        (pytest.Config.ArgsSource.TESTPATHS, {}, True),
        (pytest.Config.ArgsSource.TESTPATHS, {"keyword": "fork"}, False),
        (pytest.Config.ArgsSource.TESTPATHS, {"deselect": ["tests/x.py"]}, False),
        (pytest.Config.ArgsSource.ARGS, {}, False),
        (pytest.Config.ArgsSource.ARGS, {"all_edges": True}, True),
    ],
)
def test_the_whole_suite_is_known_by_what_was_asked_for(
    source: pytest.Config.ArgsSource, options: dict[str, object], answer: bool
) -> None:
    config = SimpleNamespace(
        args_source=source, getoption=lambda name, default=None: options.get(name, default)
    )
    assert is_whole(cast("pytest.Config", config)) is answer


@pytest.mark.parametrize("word", sorted(set(LISTED.values())))
def test_each_edge_has_a_file_that_could_show_it(word: str) -> None:
    assert (_ROOT / find_home(word)).is_file()


def test_a_suite_that_shows_too_little_fails() -> None:
    # Without what says that this is one of several processes: the new one would start servers of its own.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    part = ("tests/unit/orchestration/test_waits.py", "-q", "-p", "no:cacheprovider", "--all-edges")
    command = (sys.executable, "-m", "pytest", *part)
    answer = subprocess.run(command, cwd=_ROOT, env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert f"{_CLAIM} (claim): listed in" in answer.stdout
    assert "1 failed, " in answer.stdout
