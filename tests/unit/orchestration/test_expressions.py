"""CEL expressions see only what they are handed, and their faults name the expression."""

from contextlib import suppress
from typing import Any

import pytest

from orchestration.domain.expressions import (
    ExpressionFailed,
    ExpressionInvalid,
    compile_expression,
    evaluate,
    referenced_steps,
)

VALUES = {"input": {"customer": "ada", "n": 2}, "steps": {"a": {"x": [1, 2]}, "b-c": None}}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("input.customer", "ada"),
        ("input.n + 1", 3),
        ("steps.a.x[1]", 2),
        ("steps['b-c'] == null", True),
        ("has(input.absent)", False),
        ("{'who': input.customer, 'all': steps.a.x}", {"who": "ada", "all": [1, 2]}),
        ("steps.a.x.map(i, i * 2)", [2, 4]),
    ],
)
def test_an_expression_gives_a_json_value(source: str, value: Any) -> None:
    assert evaluate(source, VALUES) == value


@pytest.mark.parametrize("source", ["", "1 +", "input.", "run.id", "__import__('os')", "open('x')", "task"])
def test_a_bad_expression_is_refused_on_one_line(source: str) -> None:
    with pytest.raises((ExpressionInvalid, ExpressionFailed)) as refused:
        evaluate(source, VALUES)
    assert "\n" not in str(refused.value)


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(ExpressionInvalid, match="unknown name 'run'; known are input, steps and item"):
        compile_expression("run.id == 'x'")


@pytest.mark.parametrize("source", ["input.absent", "steps.zzz", "steps.a.y", "input.customer + 1", "1 / 0"])
def test_a_failed_evaluation_names_the_expression(source: str) -> None:
    with pytest.raises(ExpressionFailed) as failed:
        evaluate(source, VALUES)
    assert str(failed.value).startswith(f"'{source}': ")


@pytest.mark.parametrize(
    ("source", "steps"),
    [
        ("steps.a.x", {"a"}),
        ("steps['b-c'].x + steps . d", {"b-c", "d"}),
        ('steps [ "e" ]', {"e"}),
        ("input.steps", set()),
        ("input.a", set()),
    ],
)
def test_referenced_steps_reads_the_text(source: str, steps: set[str]) -> None:
    assert referenced_steps(source) == steps


@pytest.mark.parametrize("macro", ["all", "exists", "exists_one", "filter", "map"])
def test_a_macros_own_variable_is_known_and_others_are_not(macro: str) -> None:
    assert evaluate(f"steps.a.x.{macro}(i, i == 1) != 'nothing'", VALUES) is True
    with pytest.raises(ExpressionInvalid, match="unknown name 'j'"):
        compile_expression(f"steps.a.x.{macro}(i, j == 1)")


@pytest.mark.parametrize("value", ["a string", 3, 1.5, None, [1], {"x": 1}, True])
@pytest.mark.parametrize(
    "source",
    ["input[0]", "input.x", "input + 1", "input / 0", "-input", "input.size()", "int(input)", "!input"],
)
def test_whatever_the_values_are_nothing_but_a_failed_expression_is_raised(source: str, value: Any) -> None:
    with suppress(ExpressionFailed):
        assert evaluate(source, {"input": value, "steps": {}}) is not None
