"""What a worker lets PostgreSQL plan before its first step is what its steps then send."""

from typing import Any

import pytest
from django.db import connection

from orchestration.database.statements import fetch_all
from orchestration.selectors import sealed
from orchestration.transitions import finish, seal
from orchestration.transitions.finish import new_run_on, plan_finish
from orchestration.transitions.seal import plan_closing
from tests.integration.orchestration.rig import AGENT, Rig, graph

pytestmark = pytest.mark.django_db

# A statement is planned anew for each set of its parameters' types, of which psycopg sees more than Python has:
# integers are the exception that the last test is about.
Sent = dict[str, dict[str, type]]


def _record(monkeypatch: pytest.MonkeyPatch, *modules: Any) -> Sent:
    sent: Sent = {}

    def note(statement: str, parameters: dict[str, Any]) -> list[Any]:
        sent[statement] = {name: type(value) for name, value in parameters.items()}
        return fetch_all(statement, parameters)

    for module in modules:
        monkeypatch.setattr(module, "fetch_all", note)
        if hasattr(module, "fetch_one"):
            monkeypatch.setattr(module, "fetch_one", lambda *both: next(iter(note(*both)), None))
    return sent


@pytest.mark.parametrize("runs_on", [True, False])
def test_a_finish_is_the_statement_that_was_planned(monkeypatch: pytest.MonkeyPatch, runs_on: bool) -> None:
    sent = _record(monkeypatch, finish)
    plan_finish()
    planned = dict(sent)
    rig = Rig.begin(graph({"a": (), "b": ["a"]}))
    following = new_run_on(rig.step("b").pk, "task", [AGENT]) if runs_on else None

    rig.finish(rig.take("a"), run_on=following)

    assert rig.statuses() == {"a": "succeeded", "b": "running" if runs_on else "available"}
    assert sent == planned


def test_the_end_of_a_plain_run_is_what_was_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = _record(monkeypatch, seal, sealed)
    plan_closing()
    planned = dict(sent)
    rig = Rig.begin(graph({"a": ()}))

    rig.work_through("a")

    assert rig.run.status == "succeeded"
    assert sent == planned


def test_a_run_with_more_than_its_steps_lines_is_looked_at_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = _record(monkeypatch, seal, sealed)
    rig = Rig.begin(graph({"a": ()}))
    rig.free(rig.take("a"))

    rig.work_through("a")

    assert rig.run.status == "succeeded"
    assert sealed._BESIDE in sent


def test_a_number_s_size_makes_no_second_plan() -> None:
    statement = "SELECT %(one)s::bigint AS one, %(other)s::bigint AS other"
    for one, other in ((1, 2**40), (2**40, 1), (70_000, 70_000)):
        assert fetch_all(statement, {"one": one, "other": other}) == [(one, other)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%AS one%AS other'")
        assert cursor.fetchone() == (1,)
