"""Runs whose agents fail at random, under kills: each ends, each failure has one decision, nothing done is done again.

`SOAK_RUNS=1000 SOAK_KILLS=200 SOAK_SEED=7 pytest tests/chaos/test_soak.py -s` is the long form and prints its figures.
"""

import json
import os

from orchestration.models import Decision
from tests.chaos.arena import Arena
from tests.chaos.soak import APPS, Soak

_RUNS = int(os.environ.get("SOAK_RUNS", "20"))
_KILLS = int(os.environ.get("SOAK_KILLS", "4"))
_SEED = int(os.environ.get("SOAK_SEED", "1"))


def test_everything_ends_and_every_failure_has_its_one_decision(arena: Arena) -> None:
    for name in ("steps1", "steps2"):
        arena.worker(name, apps=APPS)
    arena.isolated_worker(apps=APPS)
    arena.maintainer()
    soak = Soak(arena, runs=_RUNS, kills=_KILLS, seed=_SEED)

    soak.run_all(seconds=60 + _RUNS + 5 * _KILLS)

    print(json.dumps(soak.describe(), indent=1))  # noqa: T201 - the figures of a long soak
    assert soak.find_faults(verify_each=max(1, _RUNS // 100)) == []
    assert sum(soak.killed.values()) == _KILLS
    rules = set(Decision.objects.values_list("rule", flat=True))
    assert rules >= {"low_confidence", "bad_input", "verified"}
