"""`start_run --wait` while somebody works: it ends when nothing moves without a person any more."""

import json
from concurrent.futures import Future
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from agents import Result, Task
from agents.invoke import override
from orchestration import dispatch, runs
from orchestration.models import Run, Step
from orchestration.testing import FinishedRun, drive
from tests.integration.orchestration.rig import AGENT, graph, in_thread

SPEC = graph({"a": (), "b": ["a"]})


def _act(task: Task) -> Result:
    return Result({"n": 1}, confidence=0.1 if task.run_input.get("hold") and task.step_key == "b" else 0.9)


def test_the_wait_ends_when_only_people_can_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers: list[Future[FinishedRun]] = []

    def work(step_ids: list[int], **_: Any) -> int:
        run_ids = set(Step.objects.filter(pk__in=step_ids).values_list("run", flat=True))
        workers.extend(in_thread(partial(drive, run_id)) for run_id in run_ids)
        return len(step_ids)

    monkeypatch.setattr(dispatch, "dispatch", work)
    feed = tmp_path / "feed.jsonl"
    feed.write_text('{"id": 1}\n{"id": 2, "hold": true}\n{"id": 3}\n', encoding="utf-8")
    out = StringIO()
    with override({AGENT: _act}):
        runs.publish(SPEC)
        call_command(
            "start_run", SPEC.name, "--each", str(feed), "--wait", "--json", stdout=out, stderr=StringIO()
        )
        for worker in workers:
            worker.result(timeout=20)

    outcome = json.loads(out.getvalue())["outcome"]
    assert {state: count for state, count in outcome["states"].items() if count} == {
        "waiting": 1,
        "succeeded": 2,
    }
    assert outcome["steps"] == 6
    assert outcome["steps_per_second"] > 0
    assert Run.objects.filter(workflow_name=SPEC.name).count() == 3
