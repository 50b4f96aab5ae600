"""Runs whose plans grew: items, spawned steps, child runs, gates; made by the real engine."""

from typing import Any

from django.db import connection

from agents import Result, Task
from agents.invoke import override
from orchestration import StepSpec, Verify, WorkflowSpec, executor, runs
from orchestration.dispatch import Continuation, mute_dispatch
from orchestration.models import Run, Step, WorkerProcess
from orchestration.testing import FinishedRun, _NoRequest, _TestHost
from tests.integration.orchestration_admin.scenes import begin, play

PAGES = WorkflowSpec(
    name="read-pages",
    description="Fetch every page that a search found, then sum them up.",
    steps=(
        StepSpec("search", agent="test.search", input={"count": "input.count"}),
        StepSpec("fetch", agent="test.fetch", needs=("search",), for_each="steps.search.pages"),
        StepSpec("sum", agent="test.sum", after=("fetch",)),
    ),
)
INQUIRY = WorkflowSpec(
    name="inquiry",
    description="A coordinator decides how many look into a question.",
    steps=(
        StepSpec("coordinate", agent="test.coordinator"),
        StepSpec("analyse", agent="test.sum", needs=("coordinate",)),
        StepSpec("report", agent="test.sum", needs=("analyse",)),
    ),
)
GATED = WorkflowSpec(
    name="gated-letter",
    steps=(
        StepSpec("draft", agent="test.writer", verify=Verify(("test.tone", "test.facts"), max_revisions=1)),
        StepSpec("send", agent="test.sum", needs=("draft",)),
    ),
)
LEAF = WorkflowSpec(
    name="leaf",
    steps=(
        StepSpec("look", agent="test.sum"),
        StepSpec("tell", agent="test.leaf", needs=("look",), on_failure="abort"),
    ),
)
BRANCH = WorkflowSpec(
    name="branch",
    steps=(
        StepSpec("prepare", agent="test.sum"),
        StepSpec("ask-leaf", workflow="leaf", after=("prepare",), on_failure="abort"),
    ),
)
ASKING_BRANCH = WorkflowSpec(
    name="branch",
    steps=(StepSpec("prepare", agent="test.sum"), StepSpec("ask-leaf", workflow="leaf", after=("prepare",))),
)
TREE = WorkflowSpec(
    name="tree",
    steps=(
        StepSpec("begin", agent="test.sum"),
        StepSpec("ask-branch", workflow="branch", after=("begin",), on_failure="abort"),
        StepSpec("end", agent="test.sum", after=("ask-branch",)),
    ),
)


def _search(task: Task) -> Any:
    return {"pages": [{"page": n} for n in range(task.input["count"])]}


def _sum(_task: Task) -> Any:
    return {"ok": True}


def _spawn(task: Task) -> Result:
    helpers = [StepSpec(f"ask-{n}", agent="test.helper") for n in range(5)]
    return Result({"question": task.step_key}, spawn=helpers)


def _help(task: Task) -> Result:
    if task.step_key.endswith("ask-4"):
        return Result({"split": True}, spawn=[StepSpec(key, agent="test.sum") for key in ("left", "right")])
    return Result({"answer": 1})


def _agents(**replaced: Any) -> dict[str, Any]:
    own = {
        "search": _search,
        "fetch": _sum,
        "sum": _sum,
        "coordinator": _spawn,
        "helper": _help,
        "leaf": _sum,
        "writer": lambda task: {"text": "Dear Ada", "after": task.feedback or ""},
        "tone": lambda _task: {"verdict": "PASS", "reasons": []},
        "facts": lambda _task: {"verdict": "PASS", "reasons": []},
    }
    return {f"test.{name}": body for name, body in (own | replaced).items()}


def play_pages(count: int, **replaced: Any) -> FinishedRun:
    """Read so many pages; `fetch=...` replaces the agent of the items."""
    return play(PAGES, _agents(**replaced), count=count)


def play_inquiry(**replaced: Any) -> FinishedRun:
    """Let a coordinator spawn five helpers, one of which spawns two more."""
    return play(INQUIRY, _agents(**replaced))


def play_gated(**replaced: Any) -> FinishedRun:
    """Let two verifiers look at a draft."""
    return play(GATED, _agents(**replaced))


def play_tree(branch: WorkflowSpec = BRANCH, **replaced: Any) -> FinishedRun:
    """Run three levels of child runs; in ASKING_BRANCH a person decides when the leaf fails."""
    agents = _agents(**replaced)
    with override(agents), mute_dispatch():
        for spec in (LEAF, branch):
            runs.publish(spec)
    return play(TREE, agents)


def find_child(run: Run) -> Run:
    """Return the one child run of a run."""
    return Run.objects.get(parent_step__run=run)


_MADE = {
    "items": """
        INSERT INTO orchestration_step (run_id, parent_id, position, key, kind, depth, index, item_json, spec_key,
            agent, queue, timeout_seconds, predecessor_count, status, attempt, failures, crashes, revision, feedback,
            dispatches, dispatched_at, waits_for, unreleased, chord_intact, skip_reason, reason)
        SELECT run_id, parent_id, position + n, 'fetch[' || n || ']', kind, depth, n, item_json, spec_key, agent, queue,
            timeout_seconds, predecessor_count, status, 0, 0, 0, 0, '', 1, dispatched_at, '', false, false, '', ''
        FROM orchestration_step, generate_series(1, %(count)s - 1) n WHERE run_id = %(run)s AND key = 'fetch[0]'
    """,
    "edges": """
        INSERT INTO orchestration_edge (run_id, predecessor_id, successor_id, carries_data, is_optional, is_child)
        SELECT run_id, id, parent_id, false, false, true FROM orchestration_step
        WHERE run_id = %(run)s AND kind = 'item' AND index > 0
    """,
    "attempts": """
        INSERT INTO orchestration_attempt (step_id, run_id, number, token, task_id, started_at, finished_at, outcome,
            agent, failure_kind, error_class, error_message, traceback_tail)
        SELECT s.id, run_id, 1, gen_random_uuid(), run_id || '.' || s.id, r.created_at + index * interval '7 ms',
            r.created_at + index * interval '7 ms' + interval '300 ms', 'answered', agent, '', '', '', ''
        FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id WHERE s.run_id = %(run)s AND parent_id > 0
    """,
    "decisions": """
        INSERT INTO orchestration_decision (attempt_id, step_id, run_id, rule, kind, reason, inputs_json, decided_at)
        SELECT a.id, step_id, run_id, CASE WHEN step_id %% 1000 = 0 THEN 'low_confidence' ELSE 'confident' END,
            CASE WHEN step_id %% 1000 = 0 THEN 'escalate' ELSE 'accept' END, '', '{}', finished_at
        FROM orchestration_attempt a WHERE run_id = %(run)s AND NOT EXISTS (
            SELECT 1 FROM orchestration_decision d WHERE d.attempt_id = a.id)
    """,
    "events": """
        INSERT INTO orchestration_event (run_id, step_id, attempt, kind, data_json, at)
        SELECT run_id, step_id, 1, kind, '{}', finished_at
        FROM orchestration_attempt, unnest(ARRAY['step_claimed', 'step_succeeded']) kind WHERE run_id = %(run)s
    """,
    "steps": """
        UPDATE orchestration_step s SET attempt = 1, claimed_at = a.started_at, reason = CASE
            WHEN s.id %% 1000 = 0 THEN 'the agent''s confidence is 0.50, below 0.70' ELSE '' END,
            status = CASE WHEN s.id %% 1000 = 0 THEN 'held' ELSE 'succeeded' END,
            finished_at = CASE WHEN s.id %% 1000 = 0 THEN NULL ELSE a.finished_at END,
            output_json = '{}', output_digest = repeat('0', 64), receipt_digest = repeat('0', 64)
        FROM orchestration_attempt a WHERE a.step_id = s.id AND s.run_id = %(run)s AND s.parent_id > 0
    """,
}


def grow_many(count: int) -> Run:
    """Return a run that grew so many items: the engine grew one, the others and their ends are its copies."""
    agents = _agents()
    run = begin(PAGES, agents, count=1)
    process = WorkerProcess.objects.create(
        name="w", host="", pid=0, queues=["steps"], agents=[], concurrency=1
    )
    with override(agents), mute_dispatch():
        for key in ("search", "fetch"):
            step = Step.objects.get(run=run, key=key)
            task_id = f"{run.pk}.{step.pk}.{step.dispatches}"
            executor.perform(step.pk, task_id, _TestHost(process.pk), Continuation(_NoRequest()))
    with connection.cursor() as cursor:
        for statement in _MADE.values():
            cursor.execute(statement, {"run": run.pk, "count": count})
        cursor.execute("ANALYZE orchestration_step, orchestration_edge, orchestration_attempt")
    return run
