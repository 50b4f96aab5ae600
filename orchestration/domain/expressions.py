"""CEL expressions in specs: compiled once, evaluated over {input, steps, item}.

Owns the only use of the CEL library. It must not see anything but the values it is handed, so an expression
can never reach past the hand-off. Read next: `spec.py`.
"""

import re
from functools import lru_cache
from typing import Any

import cel

NAMES = frozenset({"input", "steps", "item"})
_STEP_REFERENCE = re.compile(r"""\bsteps\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*["']([^"']+)["']\s*\])""")

# The library counts `i` of `list.map(i, i * 2)` among an expression's variables.
_MACRO_VARIABLE = re.compile(r"\.\s*(?:all|exists|exists_one|filter|map)\s*\(\s*([A-Za-z_]\w*)\s*,")


class ExpressionInvalid(ValueError):
    """The text is not a CEL expression, or names something that does not exist."""


class ExpressionFailed(ValueError):
    """The expression is valid but could not be evaluated on these values."""


@lru_cache(maxsize=4096)
def compile_expression(source: str) -> cel.Program:
    """Compile a CEL expression.

    Raises: ExpressionInvalid: with the parser's own message, on one line.
    """
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise ExpressionInvalid(_first_line(str(error))) from error
    unknown = sorted(set(program.references()["variables"]) - NAMES - set(_MACRO_VARIABLE.findall(source)))
    if unknown:
        raise ExpressionInvalid(f"unknown name '{unknown[0]}'; known are input, steps and item")
    return program


def referenced_steps(source: str) -> frozenset[str]:
    """Return the keys of the steps an expression reads, as far as its text shows them."""
    return frozenset(dotted or quoted for dotted, quoted in _STEP_REFERENCE.findall(source))


def reads_item(source: str) -> bool:
    """Return whether an expression reads the item of a `for_each`."""
    return "item" in compile_expression(source).references()["variables"]


def evaluate(source: str, values: dict[str, Any]) -> Any:
    """Evaluate an expression over JSON values.

    Raises: ExpressionFailed: a missing key, a wrong type; the message names the expression.
    """
    try:
        return compile_expression(source).execute(values)
    except KeyError as error:
        raise ExpressionFailed(f"'{source}': no such key {error}") from error
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ExpressionFailed(f"'{source}': {_first_line(str(error))}") from error


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "cannot be read"
