"""What a model is told of its task: the step's input, what it got from other steps, and why work came back."""

from __future__ import annotations

from agents.domain.canonical import canonical_json
from agents.domain.invocation import JSON, Task


def write_prompt(task: Task) -> str:
    """Return the task as text: the input first, then what else there is, each under a heading."""
    parts = [_show(task.input)]
    if task.item is not None:
        parts.append(f"Item:\n{_show(task.item)}")
    if task.handoff:
        parts.append(f"Results of earlier steps:\n{_show(dict(task.handoff))}")
    if task.recalled:
        parts.append(f"Remembered, and by whom:\n{_show(list(task.recalled))}")
    if task.feedback:
        parts.append(f"Your last answer was sent back:\n{task.feedback}")
    return "\n\n".join(parts)


def _show(value: JSON) -> str:
    return value if isinstance(value, str) else canonical_json(value)
