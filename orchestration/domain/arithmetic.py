"""How expressions calculate: with decimals, as on paper, because JSON has one kind of number.

A number that is stored as 20 may have been 20.0, so whole or not must make no difference: 20 * 1.5 is 30, 3 / 2 is 1.5,
0.1 + 0.2 is 0.3, and a whole result is a whole number. CEL itself calculates only within a type; its operators are
written as calls of the functions here. Read next: `expressions.py`.
"""

import math
import operator as operator_module
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final, cast

from orchestration.domain.expression_text import Token, Unreadable, read_tokens

_FUNCTIONS: Final = {"+": "_add", "-": "_subtract", "*": "_multiply", "/": "_divide", "%": "_remainder"}
_VERBS: Final = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "divide"}
MAX_TEXT: Final = 1_048_576
"""Of one joined text or list: a chain of additions must not fill the memory."""
_EXACT: Final = 2**53
# Fractions have 15 digits, all of which a double keeps: a third times three is one. A quotient is kept as it is.
_PAPER: Final = Context(prec=15)
_WHOLE: Final[dict[str, Callable[[int, int], int]]] = {
    "+": operator_module.add,
    "-": operator_module.sub,
    "*": operator_module.mul,
}
_DECIMAL: Final[dict[str, Callable[[Decimal, Decimal], Decimal]]] = {
    "+": _PAPER.add,
    "-": _PAPER.subtract,
    "*": _PAPER.multiply,
    "/": Context(prec=17).divide,
    # The sign is the dividend's, as CEL has it; the quotient in between may be long.
    "%": Context(prec=400).remainder,
}
_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_MAX_DEPTH: Final = 100
_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
    datetime: "a timestamp",
    timedelta: "a duration",
}


class Miscalculated(TypeError):
    """The values can't be calculated with; says why."""


def make_functions(keep: Callable[[str], None]) -> dict[str, Callable[[Any, Any], Any]]:
    """Return the functions that rewritten operators call.

    Args: keep: is told why a calculation failed; the library's own message buries it.
    """

    def make(operator: str) -> Callable[[Any, Any], Any]:
        def call(left: Any, right: Any) -> Any:
            try:
                return calculate(operator, left, right)
            except Miscalculated as error:
                keep(str(error))
                raise

        return call

    return {name: make(operator) for operator, name in _FUNCTIONS.items()}


def calculate(operator: str, left: Any, right: Any) -> Any:
    """Return what an operator gives for two values.

    Raises: Miscalculated.
    """
    if _is_number(left) and _is_number(right):
        return _calculate_numbers(operator, left, right)
    if operator == "+" and isinstance(left, str | list | bytes) and type(left) is type(right):
        if len(left) + len(right) > MAX_TEXT:
            raise Miscalculated(f"what is joined is longer than {MAX_TEXT}")
        return cast("Any", left) + right
    if (
        operator in "+-"
        and isinstance(left, datetime | timedelta)
        and isinstance(right, datetime | timedelta)
    ):
        try:
            return cast("Any", left) + right if operator == "+" else cast("Any", left) - right
        except (OverflowError, TypeError) as error:
            raise Miscalculated(f"can't {_VERBS[operator]} these times: {error}") from error
    raise Miscalculated(
        f"can't {_VERBS[operator]} {_name(left)} and {_name(right)}{_hint(operator, left, right)}"
    )


def _calculate_numbers(operator: str, left: float, right: float) -> int | float:
    if operator in "/%" and right == 0:
        raise Miscalculated("division by zero")
    exact = _WHOLE.get(operator)
    if exact is not None and isinstance(left, int) and isinstance(right, int):
        return _fit(exact(left, right))
    try:
        number = float(_DECIMAL[operator](Decimal(repr(left)), Decimal(repr(right))))
    except InvalidOperation as error:
        raise Miscalculated("the numbers are not finite") from error
    if not math.isfinite(number):
        raise Miscalculated("the result is too large for a number")
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _fit(number: int) -> int:
    if not -(2**63) <= number < 2**63:
        raise Miscalculated("the result is too large for a number")
    return number


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _name(value: object) -> str:
    kind = type(value)
    return _KINDS.get(kind, f"a {kind.__name__}")


def _hint(operator: str, left: object, right: object) -> str:
    if operator == "+" and {type(left), type(right)} & {str}:
        return "; write string(x) to join, double(x) to calculate"
    return ""


def rewrite_arithmetic(source: str) -> str:
    """Return an expression with its arithmetic written as calls; the same text if it has none, or is not CEL.

    `a + b * c` becomes `a._add(b._multiply(c))`: calls of members, so that a chain does not nest.
    """
    tokens = [token for token in read_tokens(source) if token.kind != "gap"]
    if not any(token.kind == "mark" and token.text in _FUNCTIONS for token in tokens):
        return source
    writer = _Writer(tokens)
    try:
        written = writer.expression()
    except Unreadable:
        return source
    return written if writer.is_done else source


class _Writer:
    """Reads an expression by CEL's grammar and writes it anew."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._closed_at: dict[int, int] = {}

    @property
    def is_done(self) -> bool:
        return self._at == len(self._tokens)

    def expression(self) -> str:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise Unreadable
        parts = [self._chain("||", "&&", *_COMPARISONS)]
        while self._take("?"):
            parts += ["?", self.expression()]
            self._expect(":")
            parts += [":", self._chain("||", "&&", *_COMPARISONS)]
        self._depth -= 1
        return " ".join(parts)

    def _chain(self, *between: str) -> str:
        """Read operands that arithmetic binds tighter than what stands between them, which is left as it is."""
        parts = [self._sum()]
        while (mark := self._take(*between)) is not None:
            parts += [mark, self._sum()]
        return " ".join(parts)

    def _sum(self) -> str:
        return self._arithmetic(self._product, "+", "-")

    def _product(self) -> str:
        return self._arithmetic(self._unary, "*", "/", "%")

    def _arithmetic(self, read: Callable[[], str], *operators: str) -> str:
        first = self._tokens[self._at] if self._at < len(self._tokens) else None
        left = read()
        # A number before a dot, or a sign before a call, would be read as something else.
        must_bracket = first is not None and (first.kind == "number" or first.text in {"-", "!"})
        while (operator := self._take(*operators)) is not None:
            if must_bracket:
                left = f"({left})"
            must_bracket = False
            began = self._at
            right = read()
            # Brackets around the whole would nest twice.
            right = right[1:-1] if self._closed_at.get(began) == self._at else right
            left = f"{left}.{_FUNCTIONS[operator]}({right})"
        return left

    def _unary(self) -> str:
        signs = []
        while (sign := self._take("!", "-")) is not None:
            signs.append(sign)
        # Two signs without a gap would be another token for a reader; CEL has none, but people read it too.
        return "".join(signs) + self._member()

    def _member(self) -> str:
        parts = [self._primary()]
        while (mark := self._take(".", "[")) is not None:
            if mark == "[":
                parts += ["[", self.expression(), "]"]
                self._expect("]")
                continue
            parts += [".", self._next("name")]
            if self._take("("):
                parts.append("(" + self._list(")"))
        return "".join(parts)

    def _primary(self) -> str:
        began = self._at
        if self._take("("):
            inner = self.expression()
            self._expect(")")
            self._closed_at[began] = self._at
            return f"({inner})"
        if self._take("["):
            return "[" + self._list("]")
        if self._take("{"):
            return "{" + self._list("}")
        if self._peek("name"):
            name = self._next("name")
            return f"{name}({self._list(')')}" if self._take("(") else name
        return self._next("number", "text")

    def _list(self, close: str) -> str:
        """Read what stands between brackets, up to and with the closing one."""
        parts: list[str] = []
        while self._take(close) is None:
            part = self.expression()
            if close == "}":
                self._expect(":")
                part += ": " + self.expression()
            parts.append(part)
            if not self._take(","):
                self._expect(close)
                break
        return ", ".join(parts) + close

    def _take(self, *texts: str) -> str | None:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None or token.kind in {"text", "number"} or token.text not in texts:
            return None
        self._at += 1
        return token.text

    def _peek(self, kind: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at].kind == kind

    def _next(self, *kinds: str) -> str:
        if not any(map(self._peek, kinds)) or self._tokens[self._at].text == "in":
            raise Unreadable
        self._at += 1
        return self._tokens[self._at - 1].text

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            raise Unreadable
