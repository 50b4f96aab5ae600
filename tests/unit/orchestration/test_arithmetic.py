"""JSON has one kind of number, and so do expressions: decimals, as on paper."""

from typing import Any

import pytest

from orchestration.domain.arithmetic import rewrite_arithmetic
from orchestration.domain.expressions import ExpressionFailed, evaluate


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [
        ("input * 1.5", 20, 30),
        ("input * 1.5", 20.0, 30),
        ("input * 1.5", 20.5, 30.75),
        ("input / 2", 3, 1.5),
        ("input / 2", 4, 2),
        ("input > 0.5", 1, True),
        ("input == 1.0", 1, True),
        ("input in [1.0, 2.0]", 1, True),
        ("['a', 'b'][input]", 1, "b"),
        ("['a', 'b', 'c'][input / 2]", 4, "c"),
        ("input.map(x, x * 2.0)", [1, 2.5], [2, 5]),
        ("input + 0.5", 2, 2.5),
        ("1.0 - input", 1, 0),
        ("size(input) * 0.5", [1, 2, 3], 1.5),
        ("input * 19 / 100 + input", 19.99, 23.7881),
        ("0.1 + 0.2 == input", 0.3, True),
        ("1 / input * 3", 3, 1),
        ("input % 2", 7, 1),
        ("input % 2", -7, -1),
        ("input % 2.5", 6, 1),
        ("-input + 1 - -1", 2, 0),
        ("2 + 3 * input - (1 - 2)", 4, 15),
        ("input > 1 ? input * 2 : input - 1 > 0 ? 1 + 1 : 3 - 2", 1, 1),
        ("'a' + string(input) + 'b'", 20.0, "a20b"),
        ("input + [4]", [3], [3, 4]),
        ("input[size(input) - 1]", [1, 2, 9], 9),
        ("{'n': input + 1, 'list': [input * 2, 1 - 1,]}", 3, {"n": 4, "list": [6, 0]}),
        (
            "timestamp('2026-01-01T02:00:00Z') - timestamp(input) == duration('2h')",
            "2026-01-01T00:00:00Z",
            True,
        ),
        ("timestamp(input) + duration('1h') > timestamp(input)", "2026-01-01T00:00:00Z", True),
        ("input.exists(x, x + 1 == 3) && !(size(input) - 1 == 0)", [1, 2], True),
        ("'1 + 1' + r'\\' // + 1", 0, "1 + 1\\"),
    ],
)
def test_numbers_are_calculated_with_whole_or_not(source: str, value: Any, result: Any) -> None:
    found = evaluate(source, {"input": value, "steps": {}})
    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 / 0", "division by zero"),
        ("1.5 % 0", "division by zero"),
        ("'a' + 1", "can't add a text and a number; write string(x) to join"),
        ("true + 1", "can't add a truth value and a number"),
        ("null * 2", "can't multiply null and a number"),
        ("[1] - [1]", "can't subtract a list and a list"),
        ("double('inf') + 1", "too large for a number"),
        ("1e300 * 1e300", "too large for a number"),
        ("9223372036854775807 + 1", "too large for a number"),
        ("duration('1h') * 2", "can't multiply a duration and a number"),
        ("input.map(i, i / 0)", "division by zero"),
    ],
)
def test_what_can_t_be_calculated_says_why(source: str, words: str) -> None:
    with pytest.raises(ExpressionFailed) as failed:
        evaluate(source, {"input": [1], "steps": {}})
    assert words in str(failed.value)
    assert str(failed.value).startswith(f"'{source}': ")


def test_a_chain_of_joins_does_not_fill_the_memory() -> None:
    with pytest.raises(ExpressionFailed, match="what is joined is longer than 1048576"):
        evaluate("input" + "+input" * 900, {"input": "x" * 100_000, "steps": {}})


@pytest.mark.parametrize(
    "source",
    ["input.a == 'x'", "Foo{a: 1 + 1}", "1 +", "1 + )", "'a + b'", "a ?" * 200 + "1 + 1", "input in", "+"],
)
def test_a_text_without_arithmetic_and_one_that_is_no_expression_stay_as_they_are(source: str) -> None:
    assert rewrite_arithmetic(source) == source


def test_a_chain_does_not_nest_when_it_is_rewritten() -> None:
    assert rewrite_arithmetic("1 + 2 * a - (3 + 4)") == "(1)._add((2)._multiply(a))._subtract((3)._add(4))"
    assert evaluate("1" + "+1" * 999, {"input": None}) == 1_000
    assert evaluate("(1+" * 39 + "1" + ")" * 39, {"input": None}) == 40


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("input * 1000000", 10_000_000_000),
        ("double(input) * 1000000.0", 10_000_000_000),
        ("double('nan')", 0),
        ("double('inf')", 0),
        ("timestamp(input)", "2026-01-01T00:00:00Z"),
        ("duration('1h')", 0),
        ("b'x'", 0),
        ("{1: 2}", 0),
        ("{true: 2}", 0),
        ("'\\u0000'", 0),
        ("{'a': [duration('1h')]}", 0),
        ("[" * 33 + "]" * 33, 0),
    ],
)
def test_a_result_that_is_no_json_is_a_failure_with_words(source: str, value: Any) -> None:
    with pytest.raises(ExpressionFailed, match="gives no plain JSON: "):
        evaluate(source, {"input": value, "steps": {}})
