"""CEL expressions in specs: compiled once, evaluated over {input, steps, item}.

Owns the only use of the CEL library. It must not see anything but the values it is handed, so an expression
can never reach past the hand-off. Read next: `spec.py`.
"""

import re
from functools import lru_cache
from typing import Any

import cel

from orchestration.domain.expression_text import find_excess

NAMES = frozenset({"input", "steps", "item"})
MAX_SHOWN_CHARACTERS = 200
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
    excess = find_excess(source)
    if excess is not None:
        raise ExpressionInvalid(excess)
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise ExpressionInvalid(_first_line(str(error))) from error
    except BaseException as error:
        raise ExpressionInvalid(_describe_panic(error)) from error
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
        raise ExpressionFailed(f"'{_shorten(source)}': no such key {error}") from error
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ExpressionFailed(f"'{_shorten(source)}': {_first_line(str(error))}") from error
    except BaseException as error:
        raise ExpressionFailed(f"'{_shorten(source)}': {_describe_panic(error)}") from error


def _describe_panic(error: BaseException) -> str:
    """Return the words for a panic inside the library; whatever else ends a thread or a process is raised on.

    A panic comes as a BaseException, which no handler of a worker or a web server expects.
    """
    if type(error).__name__ != "PanicException":
        raise error
    return f"the expression library gave up on it ({_first_line(str(error))[:100]})"


def _shorten(source: str) -> str:
    return source if len(source) <= MAX_SHOWN_CHARACTERS else f"{source[: MAX_SHOWN_CHARACTERS - 3]}..."


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:500] if text.strip() else "cannot be read"
