"""Scripts by which a model answers in a test: the same each time, without a provider and without a key. Pure.

`agents/runtimes/model/scripted.py` makes models of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Answer: TypeAlias = Any
"""Text, a JSON object or pydantic model (the structured output), `call(...)`, a list of calls made at once, or an
exception, which is raised in the provider's place."""


@dataclass(frozen=True, slots=True)
class ToolWish:
    """A tool that the model wants called."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Script:
    """What a model answers, one request of an agent's run after the other.

    Attributes: answers: by the number of the request, or a function of the messages and that number.
        input_tokens, output_tokens: that each answer is said to have used.  cost_usd: and to have cost.
    """

    answers: tuple[Answer, ...] | Callable[[Sequence[Any], int], Answer]
    input_tokens: int
    output_tokens: int
    cost_usd: str


def call(tool: str, /, **arguments: Any) -> ToolWish:
    """Return the wish to have a tool called."""
    return ToolWish(tool, arguments)


def scripted(
    answers: Sequence[Answer] | Callable[[Sequence[Any], int], Answer],
    *,
    input_tokens: int = 10,
    output_tokens: int = 5,
    cost_usd: str = "0",
) -> Script:
    """Return a model that answers by a script: the n-th answer to the n-th request of each run of an agent.

    Args:
        answers: text; a dict or a pydantic model for the structured output; `call(tool, ...)`, or a list of such for
            tools called at once; an exception, raised as if the provider had. Or a function of the messages so far
            and the request's number from 0, which returns one of these.
        input_tokens, output_tokens: that each answer uses.
        cost_usd: that each answer costs, as a decimal.
    Raises: TypeError: it is one answer, not a list of them.
    """
    if not callable(answers) and (isinstance(answers, str | bytes) or not isinstance(answers, Sequence)):
        raise TypeError(f"scripted: give a list of answers, such as scripted([{answers!r:.80}])")
    said = answers if callable(answers) else tuple(answers)
    return Script(said, input_tokens, output_tokens, cost_usd)
