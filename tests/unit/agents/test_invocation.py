import math
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from agents import Result, Task
from agents.errors import UnreadableOutput


def test_a_task_is_cancelled_when_its_asker_says_so(task: Task) -> None:
    answers = iter([False, True])
    asked = replace(task, is_cancelled=lambda: next(answers))
    assert (task.cancelled, asked.cancelled, asked.cancelled) == (False, False, True)


def test_a_task_and_a_result_are_frozen(task: Task) -> None:
    with pytest.raises(FrozenInstanceError):
        task.attempt = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Result(1).confidence = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "kept"), [(None, None), (0, 0.0), (1, 1.0), (0.93, 0.93), (Fraction(1, 2), 0.5)]
)
def test_a_confidence_is_kept(given: Any, kept: float | None) -> None:
    result = Result("x", confidence=given)
    assert (result.confidence, type(result.confidence)) == (kept, type(kept))


@pytest.mark.parametrize(
    "value",
    [
        -0.01,
        1.01,
        93,
        pytest.param(10**5000, id="beyond printing"),
        math.nan,
        math.inf,
        -math.inf,
        True,
        "0.9",
        [1],
    ],
)
def test_a_confidence_is_refused_by_name(value: Any) -> None:
    with pytest.raises(UnreadableOutput) as refusal:
        Result("x", confidence=value)
    assert refusal.value.path == "/confidence"


def test_usage_is_kept() -> None:
    usage: dict[str, int | str | Decimal] = {"input_tokens": 12, "output_tokens": 0, "cost_usd": "0.0012"}
    assert Result("x", usage=usage).usage == usage
    assert Result("x", usage={"cost_usd": Decimal("1E-3")}).usage == {"cost_usd": "0.001"}


@pytest.mark.parametrize(
    ("usage", "path"),
    [
        ({"input_tokens": -1}, "/usage/input_tokens"),
        ({"output_tokens": 1.5}, "/usage/output_tokens"),
        ({"output_tokens": True}, "/usage/output_tokens"),
        pytest.param({"output_tokens": 10**5000}, "/usage/output_tokens", id="beyond printing"),
        ({"cost_usd": 0.0012}, "/usage/cost_usd"),
        ({"cost_usd": "-1"}, "/usage/cost_usd"),
        ({"cost_usd": "NaN"}, "/usage/cost_usd"),
        ({"cost_usd": "1e9999999"}, "/usage/cost_usd"),
        ({"cost_usd": "1\n"}, "/usage/cost_usd"),
        ({"cost_usd": "\u0661"}, "/usage/cost_usd"),
        ({"cost_usd": Decimal("NaN")}, "/usage/cost_usd"),
        ({"cost_usd": Decimal(-1)}, "/usage/cost_usd"),
        ({"tokens": 1}, "/usage"),
        ([("input_tokens", 1)], "/usage"),
    ],
)
def test_usage_is_refused_by_name(usage: Any, path: str) -> None:
    with pytest.raises(UnreadableOutput) as refusal:
        Result("x", usage=usage)
    assert refusal.value.path == path
