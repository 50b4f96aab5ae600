"""CEL expressions in specs: compiled once, evaluated over {input, steps, item}.

Owns the only use of the CEL library. It must not see anything but the values it is handed, so an expression
can never reach past the hand-off. Read next: `arithmetic.py`, then `spec.py`.
"""

import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cel

from agents.domain.canonical import check_json
from agents.errors import UnreadableOutput
from orchestration.domain.arithmetic import make_functions, rewrite_arithmetic
from orchestration.domain.expression_text import Token, find_excess, read_tokens
from orchestration.domain.searches import price_searches

_ORDER = ("input", "steps", "item")
NAMES = frozenset(_ORDER)
"""What expressions of a spec read, if nothing else is said."""
HANDED_NAMES = NAMES | {"summary"}
"""What a condition and an input read: also what was lost of what the step is handed."""
RECALLED = "recalled"
INPUT_NAMES = HANDED_NAMES | {RECALLED, "digest_so_far"}
"""What an input reads: also the memories that the step is handed, and the run so far."""
MAX_SHOWN_CHARACTERS = 200
_STEP_REFERENCE = re.compile(r"""\bsteps\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*["']([^"']+)["']\s*\])""")

_MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})
_CHEAP_UNITS = 50_000
_SHORT = 60
_CHARACTERS = 100
"""That count as much as a value."""
# It writes a line for each function that refuses; the refusal says the same.
logging.getLogger("cel").setLevel(logging.CRITICAL + 1)


class ExpressionInvalid(ValueError):
    """The text is not a CEL expression, or names something that does not exist."""


class ExpressionFailed(ValueError):
    """The expression is valid but could not be evaluated on these values."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression ready to be evaluated, and what its text says about its cost.

    Attributes: tokens: how long it is.  macros: how many loops it has, each over any of its values.
        searches: what its patterns cost for a character of text.  calculates: whether it has arithmetic.
    """

    program: cel.Program
    tokens: int
    macros: int
    searches: float
    calculates: bool


@lru_cache(maxsize=4096)
def compile_expression(source: str, names: frozenset[str] = NAMES) -> Compiled:
    """Compile a CEL expression.

    Args: names: what it may read.
    Raises: ExpressionInvalid: with the parser's own message, on one line.
    """
    excess = find_excess(source)
    if excess is not None:
        raise ExpressionInvalid(excess)
    written = rewrite_arithmetic(source)
    try:
        program = _compile(written)
    except ExpressionInvalid:
        _compile(source)  # for the message about the text as it was written
        raise ExpressionInvalid("it is nested too deeply; split it into steps") from None
    tokens = [token for token in read_tokens(source) if token.kind != "gap"]
    loops = _find_loops(tokens)
    # The library counts `i` of `list.map(i, i * 2)` among an expression's variables.
    unknown = sorted(set(program.references()["variables"]) - names - set(loops))
    if unknown:
        raise ExpressionInvalid(f"unknown name '{unknown[0]}'; known are {_list_names(names)}")
    return Compiled(program, len(tokens), len(loops), price_searches(tokens), written != source)


def _list_names(names: frozenset[str]) -> str:
    *others, last = [name for name in _ORDER if name in names] + sorted(names - set(_ORDER))
    return f"{', '.join(others)} and {last}" if others else last


def _find_loops(tokens: list[Token]) -> list[str]:
    """Return the variable of each loop; read by tokens, since a comment may stand between any two of them."""
    return [
        variable.text
        for name, bracket, variable in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if name.kind == "name" and name.text in _MACROS and bracket.text == "("
    ]


def _compile(text: str) -> cel.Program:
    try:
        return cel.compile(text)
    except ValueError as error:
        raise ExpressionInvalid(_first_line(str(error))) from error
    except BaseException as error:
        raise ExpressionInvalid(_describe_panic(error)) from error


def referenced_steps(source: str) -> frozenset[str]:
    """Return the keys of the steps an expression reads, as far as its text shows them."""
    return frozenset(dotted or quoted for dotted, quoted in _STEP_REFERENCE.findall(source))


def reads_item(source: str) -> bool:
    """Return whether an expression reads the item of a `for_each`."""
    return "item" in compile_expression(source).program.references()["variables"]


def is_dear(source: str, values: dict[str, Any]) -> bool:
    """Return whether evaluating an expression over these values may take longer than a few hundredths of a second.

    A loop costs as often as it goes round, loops together their product; and the library copies a list for each
    item that a `map` or `filter` adds to it. A pattern costs for each character, a large one by itself.
    """
    compiled = _compile_over(source, values)
    if compiled.searches and compiled.searches * _CHARACTERS * _count(values, _CHEAP_UNITS) > _CHEAP_UNITS:
        return True
    if not compiled.macros:
        limit = _CHEAP_UNITS * 40
        return compiled.tokens > _SHORT and compiled.tokens * _count(values, limit // compiled.tokens) > limit
    size = _count(values, _CHEAP_UNITS) + compiled.tokens
    loops = float(size) ** min(compiled.macros, 16)
    return loops * compiled.tokens * (1 + size // 50) > _CHEAP_UNITS


def evaluate(source: str, values: dict[str, Any]) -> Any:
    """Evaluate an expression over JSON values, in place and however long it takes; the result is plain JSON.

    Raises: ExpressionFailed: a missing key, a wrong type, no JSON; the message names the expression.
    """
    compiled = _compile_over(source, values)
    reasons: list[str] = []
    given = cel.Context(values, make_functions(reasons.append)) if compiled.calculates else values
    try:
        result = compiled.program.execute(given)
        check_json(result)
    except KeyError as error:
        raise ExpressionFailed(f"'{shorten(source)}': no such key {error}") from error
    except UnreadableOutput as error:
        raise ExpressionFailed(f"'{shorten(source)}': gives no plain JSON: {_tell(error)}") from error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        reason = reasons[-1] if reasons else _first_line(str(error))
        raise ExpressionFailed(f"'{shorten(source)}': {reason}") from error
    except BaseException as error:
        raise ExpressionFailed(f"'{shorten(source)}': {_describe_panic(error)}") from error
    return result


def _compile_over(source: str, values: dict[str, Any]) -> Compiled:
    """Return an expression that may read what it is handed; one of a spec was compiled so when that was read."""
    return (
        compile_expression(source)
        if values.keys() <= NAMES
        else compile_expression(source, frozenset(values))
    )


def _tell(error: UnreadableOutput) -> str:
    return _first_line(f"{error.path}: {error.reason}" if error.path else error.reason)


def _count(value: Any, limit: int) -> int:
    """Return how many values there are, long texts counting for more; not much more than a limit."""
    count = 0
    rest = [value]
    while rest and count <= limit:
        one = rest.pop()
        count += 1
        if isinstance(one, str):
            count += len(one) // _CHARACTERS
        elif isinstance(one, dict):
            rest += one.values()
        elif isinstance(one, list):
            rest += one
    return count


def _describe_panic(error: BaseException) -> str:
    """Return the words for a panic inside the library; whatever else ends a thread or a process is raised on.

    A panic comes as a BaseException, which no handler of a worker or a web server expects.
    """
    if type(error).__name__ != "PanicException":
        raise error
    return f"the expression library gave up on it ({_first_line(str(error))[:100]})"


def shorten(source: str) -> str:
    """Return an expression as messages name it."""
    return source if len(source) <= MAX_SHOWN_CHARACTERS else f"{source[: MAX_SHOWN_CHARACTERS - 3]}..."


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:500] if text.strip() else "cannot be read"
