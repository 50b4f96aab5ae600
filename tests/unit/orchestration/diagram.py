"""Draws what docs/reference/states.md shows: the diagrams from the lists of edges, the waits from their tables.

Run `python -m tests.unit.orchestration.diagram` and put what it prints into the page.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from orchestration.domain.states import RUN_BEGINS, RUN_EDGES, STEP_BEGINS, STEP_EDGES
from orchestration.domain.waits import STAGES, WAITS

_Status = TypeVar("_Status", bound=StrEnum)
_FENCE = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)


def draw_edges(edges: Mapping[tuple[_Status, _Status], str], begins: Mapping[_Status, str]) -> str:
    """Return a Mermaid state diagram that ends where no edge leaves."""
    sources = {source for source, _ in edges}
    ends = sorted({target for _, target in edges} - sources)
    lines = [f"{source} --> {target}: {name}" for (source, target), name in edges.items()]
    return "\n    ".join(
        [
            "stateDiagram-v2",
            *(f"[*] --> {first}: {name}" for first, name in begins.items()),
            *lines,
            *(f"{end} --> [*]" for end in ends),
            "",
        ]
    ).rstrip(" ")


def draw_waits() -> str:
    """Return the table of what an available step may wait for."""
    rows = (
        f"| `{word}` | {wait.words} | {', or '.join(wait.wakes)} | {'yes' if wait.is_trouble else 'no'} |"
        for word, wait in WAITS.items()
    )
    return "\n".join(
        ("| `waits_for` | as people read it | who wakes it | shown as trouble |", "|---|---|---|---|", *rows)
    )


def draw_stages() -> str:
    """Return the table of what a waiting step may have started."""
    rows = (f"| `{stage}` | {wait.words} | {wait.wakes} | {wait.goes_on} |" for stage, wait in STAGES.items())
    return "\n".join(
        ("| `stage` | as people read it | who wakes it | its next claim |", "|---|---|---|---|", *rows)
    )


def read_diagrams(page: str) -> list[str]:
    """Return the text of every Mermaid diagram of a page."""
    return _FENCE.findall(page)


if __name__ == "__main__":
    for diagram in (draw_edges(STEP_EDGES, STEP_BEGINS), draw_edges(RUN_EDGES, RUN_BEGINS)):
        print(f"```mermaid\n{diagram}```\n")  # noqa: T201 - this is its output
    print(draw_waits(), draw_stages(), sep="\n\n")  # noqa: T201 - this is its output
