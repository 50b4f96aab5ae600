"""Writes the Mermaid source of a plan. Node `n3` is the fourth node; its link `#n3` is how svg.py knows it again."""

from collections.abc import Iterable, Sequence

from orchestration.admin.picture.folding import PlanNode

_MEANINGFUL = str.maketrans({c: f"#{ord(c)};" for c in '"#<>&;`\\[]{}|'})


def write_mermaid(nodes: Sequence[PlanNode], edges: Iterable[tuple[int, int]]) -> str:
    """Return the source of a flowchart that reads from left to right."""
    lines = ["flowchart LR"]
    for position, node in enumerate(nodes):
        lines += [f'n{position}["{_label(node)}"]', f'click n{position} href "#n{position}"']
    lines += [f"n{source} --> n{target}" for source, target in sorted(edges)]
    return "\n".join(lines)


def _label(node: PlanNode) -> str:
    parts = [node.label, node.note] if node.note else [node.label]
    return "<br/>".join(part.translate(_MEANINGFUL) for part in parts)
