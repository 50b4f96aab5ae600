"""What stands behind a step is looked up by keys also under a plan that was made while the tables were empty.

Such a plan is kept by a worker's connection until somebody analyses the tables: a first burst of runs meets it.
"""

from collections.abc import Iterable
from typing import Any

import psycopg
from django.db import connection

from orchestration.models import Step
from orchestration.transitions import release
from tests.integration.orchestration.bench import Bench, step_of
from tests.integration.orchestration.rig import AGENT, graph

_WIDTH, _RUNS = 20, 4
_FEW = 1_000_000
"""Rows: measured 121,021; 15,471,361 when each edge's predecessor is asked for before its successor is compared."""
_TABLES = "orchestration_run, orchestration_step, orchestration_edge"


def _layers() -> dict[str, Iterable[str]]:
    first, second = ([f"{layer}{number}" for number in range(_WIDTH)] for layer in "ab")
    return dict.fromkeys(first, ()) | dict.fromkeys(second, first)


def _rows_looked_at(plan: dict[str, Any]) -> int:
    loops = plan.get("Actual Loops", 0)
    own = (plan.get("Actual Rows", 0) + plan.get("Rows Removed by Filter", 0)) * loops
    return int(own + sum(map(_rows_looked_at, plan.get("Plans", ()))))


def test_a_look_behind_a_step_reads_few_rows_whatever_was_known_when_it_was_planned() -> None:
    bench = Bench.make({AGENT: lambda _: "done"})
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_TABLES} CASCADE")
        cursor.execute(f"VACUUM ANALYZE {_TABLES}")
    look = release._LOOK.replace("%(steps)s", "$1")
    with psycopg.connect(**connection.get_connection_params() | {"prepare_threshold": None}) as young:
        young.autocommit = True
        young.execute("SET plan_cache_mode = force_generic_plan")
        young.execute(f"PREPARE look (bigint[]) AS {look}")
        young.execute("EXECUTE look ('{0}')")
        runs = [bench.start(graph(_layers())) for _ in range(_RUNS)]
        done = [step_of(runs[0], f"a{number}") for number in range(3)]
        for step in done:
            bench.perform(step)
        assert Step.objects.filter(unreleased=True).count() == len(done)
        ids = "{" + ",".join(str(step.pk) for step in done) + "}"
        [(said,)] = young.execute(
            f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE look ('{ids}')"
        ).fetchall()
    assert _rows_looked_at(said[0]["Plan"]) < _FEW
