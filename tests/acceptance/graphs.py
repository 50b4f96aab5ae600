"""Workflow graphs of the shapes that scientific workflows have, as (task, parents, seconds)."""

import json
import os
from pathlib import Path

from orchestration import StepSpec, WorkflowSpec
from tests.chaos.specs import step
from tests.processes import PROJECT_DIR

Task = tuple[str, list[str], float]
Graph = list[Task]

_REAL_GRAPHS = Path(os.environ.get("GRAPHS_DIR") or PROJECT_DIR.parent / "shared" / "data" / "graphs")
_LONGEST_TASK_SECONDS = 0.5


def own_graphs() -> dict[str, Graph]:
    """Return one graph of each shape."""
    return {
        "own-chain": _chain(5),
        "own-fork-join": _fork_join(8),
        "own-pairs": _pairs(10),
        "own-two-halves": _halves(2, 10),
        "own-staggered": _staggered(),
    }


def real_graphs() -> dict[str, Graph]:
    """Return the recorded graphs beside the checkout, or in GRAPHS_DIR; none where there are none."""
    return {f"recorded-{path.stem.lower()}": _read(path) for path in sorted(_REAL_GRAPHS.glob("*.json"))}


def to_spec(name: str, graph: Graph) -> WorkflowSpec:
    """Return a graph as a workflow, sped up so that its longest task takes half a second."""
    longest = max(seconds for _, _, seconds in graph)
    pace = min(1.0, _LONGEST_TASK_SECONDS / longest)
    return WorkflowSpec(name=name, steps=tuple(_to_step(task, pace) for task in graph))


def _to_step(task: Task, pace: float) -> StepSpec:
    key, parents, seconds = task
    return step(key, parents, seconds=round(seconds * pace, 3))


def _read(path: Path) -> Graph:
    tasks = json.loads(path.read_text(encoding="utf-8"))["tasks"]
    return [(key, parents, float(seconds)) for key, parents, seconds in tasks]


def _chain(length: int) -> Graph:
    return [(f"link{n}", [f"link{n - 1}"] if n else [], 0.2) for n in range(length)]


def _fork_join(width: int) -> Graph:
    branches = [f"branch{n}" for n in range(width)]
    return [("fork", [], 0.1), *((key, ["fork"], 0.3) for key in branches), ("join", branches, 0.1)]


def _pairs(width: int) -> Graph:
    """One index that all wait for, and for each a download of its own: nothing of it is a chord."""
    fetch: Graph = [(f"fetch{n}", [], 0.2 + 0.03 * n) for n in range(width)]
    match: Graph = [(f"match{n}", ["index", f"fetch{n}"], 0.1) for n in range(width)]
    return [("index", [], 0.3), *fetch, *match, ("merge", [key for key, _, _ in match], 0.05)]


def _halves(count: int, width: int) -> Graph:
    """Halves that share nothing: parts, their merge, and readers that need the merge and a sieve."""
    graph: Graph = []
    for half in "ab"[:count]:
        parts = [f"part-{half}{n}" for n in range(width)]
        graph += [(key, [], 0.1) for key in parts]
        graph += [(f"merge-{half}", parts, 0.1), (f"sieve-{half}", [], 0.02)]
        graph += [(f"reader-{half}{n}", [f"sieve-{half}", f"merge-{half}"], 0.2) for n in range(width)]
    return graph


def _staggered() -> Graph:
    """Two branches out of step, and a join of their middles that must not wait for either's end."""
    graph: Graph = [("s", [], 0.1)]
    for branch, pace in (("slow", (0.5, 0.1)), ("fast", (0.1, 0.5))):
        for n in range(6):
            graph.append((f"{branch}{n}", [f"{branch}{n - 1}" if n else "s"], pace[n % 2]))
    return [*graph, ("mix", ["slow1", "fast3"], 0.1), ("end", ["slow5", "fast5", "mix"], 0.1)]
