"""Writes the Mermaid source that lays a plan out. Node `n3` is the fourth node: svg.py knows it by that name.

The labels here only make room: svg.py writes the real ones into the boxes, so no text of a plan passes
through the renderer.
"""

from collections.abc import Iterable, Sequence

from orchestration.admin.picture.folding import PlanNode

_NOTE_SIZE = 0.86  # of a letter of the note, in letters of the key
_MARGIN_LETTERS = 1


def write_mermaid(nodes: Sequence[PlanNode], edges: Iterable[tuple[int, int]]) -> str:
    """Return the source of a flowchart that reads from left to right."""
    lines = ["flowchart LR"]
    lines += [f"n{position}[{_room_for(node)}]" for position, node in enumerate(nodes)]
    lines += [f"n{source} --> n{target}" for source, target in sorted(edges)]
    return "\n".join(lines)


def _room_for(node: PlanNode) -> str:
    return "n" * (max(len(node.short_label), round(len(node.note) * _NOTE_SIZE)) + _MARGIN_LETTERS)
