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


_MANY = 100_000
_HOSTILE = {
    "a chain of additions": '"1"' + '+"1"' * _MANY,
    "a shorter chain": "1" + "+1" * 1_600,
    "a chain of members": "input" + ".a" * _MANY,
    "a chain of negations": "!" * _MANY + "true",
    "open brackets": "(" * _MANY,
    "brackets": "(" * _MANY + "1" + ")" * _MANY,
    "brackets within the length": "[" * 60 + "]" * 60,
    "maps": '{"a":' * 60 + "1" + "}" * 60,
    "calls": "size(" * _MANY + "[]" + ")" * _MANY,
    "macros": "input.all(a," * 60 + "true" + ")" * 60,
    "macros of wide names": "input.all(ä," * 60 + "true" + ")" * 60,
    "choices": "true?1:" * 1_000 + "1",
    "a long literal": "'" + "x" * 1_048_576 + "'",
    "digits": "9" * 5_000,
    "an exponent": "1e" + "9" * 5_000,
    "NUL": "input.a\0",
    "a lone surrogate": "'\ud800'",
}


@pytest.mark.parametrize("kind", _HOSTILE)
def test_a_hostile_text_is_refused_with_few_words(kind: str) -> None:
    with pytest.raises(ExpressionInvalid) as refused:
        compile_expression(_HOSTILE[kind])
    assert 0 < len(str(refused.value)) <= 500


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("'" + "x" * 10_000 + "'", "it has 10002 characters, at most 10000 are allowed"),
        ("(" * 41 + "1" + ")" * 41, "nested more than 40 deep"),
        ("1" + "+1" * 1_001, "it has 1001 operators, at most 1000 are allowed"),
    ],
)
def test_an_expression_out_of_bounds_says_which(source: str, words: str) -> None:
    with pytest.raises(ExpressionInvalid, match=words):
        compile_expression(source)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 40 + "true" + ")" * 40,
        "true" + "&&true" * 1_000,
        "'((((((((((((((((((((((((((((((((((((((((((((((((((((' != r'\\' // ((((((((((((((((((((((((((((((((((",
        "[" + ",".join(["1"] * 4_000) + "] != []",
    ],
)
def test_at_the_bounds_it_is_compiled_and_brackets_in_texts_do_not_count(source: str) -> None:
    assert evaluate(source, VALUES) is True


class PanicException(BaseException):
    pass


class _Panics:
    def references(self) -> dict[str, list[str]]:
        return {"variables": []}

    def execute(self, _values: object) -> object:
        raise PanicException("stack overflow\nat some line")


def test_a_panic_is_a_refusal_and_what_ends_a_process_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(_source: str) -> object:
        raise PanicException("index out of bounds\nat some line")

    def leave(_source: str) -> object:
        raise SystemExit(3)

    monkeypatch.setattr("cel.compile", panic)
    with pytest.raises(
        ExpressionInvalid, match=r"the expression library gave up on it \(index out of bounds\)$"
    ):
        compile_expression("input.panics_at_once")
    monkeypatch.setattr("cel.compile", leave)
    with pytest.raises(SystemExit):
        compile_expression("input.leaves")
    monkeypatch.setattr("cel.compile", lambda _source: _Panics())
    with pytest.raises(ExpressionFailed, match="gave up on it"):
        evaluate("input.panics_late", VALUES)
