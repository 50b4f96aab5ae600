"""Draws the state diagrams of docs/reference/states.md from the list of edges.

Run `python -m tests.unit.orchestration.diagram` and put what it prints into the page.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from orchestration.domain.states import RUN_EDGES, STEP_EDGES, RunStatus, StepStatus

_Status = TypeVar("_Status", bound=StrEnum)
_FENCE = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)


def draw_edges(edges: Mapping[tuple[_Status, _Status], str], first: _Status) -> str:
    """Return a Mermaid state diagram that begins at `first` and ends where no edge leaves."""
    sources = {source for source, _ in edges}
    ends = sorted({target for _, target in edges} - sources)
    lines = [f"{source} --> {target}: {name}" for (source, target), name in edges.items()]
    return "\n    ".join(
        ["stateDiagram-v2", f"[*] --> {first}", *lines, *(f"{end} --> [*]" for end in ends), ""]
    ).rstrip(" ")


def read_diagrams(page: str) -> list[str]:
    """Return the text of every Mermaid diagram of a page."""
    return _FENCE.findall(page)


if __name__ == "__main__":
    for diagram in (draw_edges(STEP_EDGES, StepStatus.PENDING), draw_edges(RUN_EDGES, RunStatus.RUNNING)):
        print(f"```mermaid\n{diagram}```\n")  # noqa: T201 - this is its output
