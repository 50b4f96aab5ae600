"""Runs whose plans grew: items, spawned steps, child runs, gates; made by the real engine."""

from typing import Any

from agents import Result, Task
from agents.invoke import override
from orchestration import StepSpec, Verify, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Run
from orchestration.testing import FinishedRun
from tests.integration.orchestration_admin.scenes import play

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


def play_tree(**replaced: Any) -> FinishedRun:
    """Run three levels of child runs."""
    agents = _agents(**replaced)
    with override(agents), mute_dispatch():
        for spec in (LEAF, BRANCH):
            runs.publish(spec)
    return play(TREE, agents)


def find_child(run: Run) -> Run:
    """Return the one child run of a run."""
    return Run.objects.get(parent_step__run=run)
