"""One text for one JSON value (RFC 8785), refused early when it would not survive storage.

Every step's output passes here, so the common case (no odd floats, ASCII keys) is left to orjson, which then writes
the bytes that RFC 8785 asks for; everything else goes to the reference implementation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import orjson
import rfc8785

from agents.errors import UnreadableOutput

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
# Our own records, not somebody's output: a run of 5,000 steps has a history of some megabytes.
RECORD_BYTES: Final = 1 << 30
# Every reader of JSON keeps integers below this exactly; above, a double may silently become its neighbour.
EXACT_INTEGER_LIMIT: Final = 2**53
# Between these, and only for fractions, Python's repr and ECMAScript's number format are the same text.
_SAME_REPR_FROM: Final = 1e-4
_SAME_REPR_BELOW: Final = 1e16
_TOO_LARGE: Final = "a number of 2^53 or more is not kept exactly by every JSON reader; write it as text"

_encode_any: Final = json.JSONEncoder(
    ensure_ascii=False,
    check_circular=False,
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
).encode


def _encode(value: object) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        # Subclasses of float and of tuple, such as numpy.float64, which it does not know.
        return _encode_any(value)


@dataclass(frozen=True, slots=True)
class Unkept:
    """Stands in a value for what was written there and can't be kept, so that a walk finds its path.

    Attributes: reason: why not, and what to do.  name: of the property at fault, if an object stood there.
    """

    reason: str
    name: str | None = None


class _Walk:
    """Where the inspection stands, what room is left, and whether the C encoder will be right."""

    __slots__ = ("bytes_left", "max_bytes", "max_depth", "path", "plain")

    def __init__(self, max_bytes: int, max_depth: int) -> None:
        self.path: list[str | int] = []
        self.plain = True
        self.bytes_left = self.max_bytes = max_bytes
        self.max_depth = max_depth

    def refusal(self, reason: str) -> UnreadableOutput:
        return UnreadableOutput(path=json_pointer(self.path), reason=reason)

    def oversize(self) -> UnreadableOutput:
        self.path.clear()
        return self.refusal(
            f"larger than {self.max_bytes} bytes; keep large content elsewhere and return a reference"
        )

    def spend(self, size: int) -> None:
        # A lower bound of the text: stops a value that holds itself many times over before it is written.
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise self.oversize()

    def enter(self, length: int) -> None:
        if len(self.path) >= self.max_depth:
            raise self.refusal(f"nested deeper than {self.max_depth} levels")
        self.spend(2 * length)


def canonical_json(value: object, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> str:
    """Write a value as canonical JSON, so that equal values have equal bytes and digests.

    Args:
        value: dict, list, tuple, str, int, float, bool or None, nested.
        max_bytes: largest text, in UTF-8 bytes.
        max_depth: deepest nesting of objects and arrays.

    Returns:
        The RFC 8785 text; reading it and writing it again gives the same bytes.

    Raises:
        UnreadableOutput: the value is not JSON or would not survive storage; names the path.

    Source: RFC 8785; the integer range is that of I-JSON, RFC 7493 section 2.2.
    """
    walk = _Walk(max_bytes, max_depth)
    _inspect(value, walk)
    text = _encode(value) if walk.plain else rfc8785.dumps(value).decode()  # type: ignore[arg-type]
    if len(text) > max_bytes or (not text.isascii() and len(text.encode()) > max_bytes):
        raise walk.oversize()
    return text


def check_json(value: object, *, max_depth: int = MAX_DEPTH) -> None:
    """Refuse a value that would not survive storage, whatever its size.

    Raises: UnreadableOutput: names the path.
    """
    _inspect(value, _Walk(RECORD_BYTES, max_depth))


def canonical_record(value: object) -> str:
    """Write what the engine itself put together as canonical JSON: the same text as `canonical_json`, sooner.

    Args: value: dict, list, tuple, str, int, float, bool or None, nested. Its integers are below 2^53 and its texts
        without NUL or lone surrogates: the caller answers for that, nobody looks.
    """
    return _encode(value) if _is_plain(value) else canonical_json(value, max_bytes=RECORD_BYTES)


def _is_plain(value: object) -> bool:
    """Tell whether the encoder writes a value as RFC 8785 asks; says no where only a closer look would tell."""
    parts: Iterable[object]
    if type(value) is dict:
        if not set(map(type, value)) <= _TEXT or not "".join(value).isascii():
            return False
        parts = value.values()
    elif type(value) is list or type(value) is tuple:
        parts = value
    elif type(value) is float:
        return _SAME_REPR_FROM <= value < _SAME_REPR_BELOW and not value.is_integer()
    else:
        return type(value) in _PLAIN or isinstance(value, str)  # a StrEnum is written as its text
    return set(map(type, parts)) <= _PLAIN or all(_is_plain(part) for part in parts)


_TEXT: Final[set[type]] = {str}
_PLAIN: Final[set[type]] = {str, int, bool, type(None)}


def json_pointer(path: list[str | int]) -> str:
    """Write a path of keys and indexes as a JSON pointer (RFC 6901): `/items/3/price`."""
    return "".join("/" + _pointer_token(str(part)) for part in path)


def _pointer_token(part: str) -> str:
    escaped = part.replace("~", "~0").replace("/", "~1")
    # The path itself ends up in a database column and in logs.
    return escaped.replace("\x00", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _inspect(value: object, walk: _Walk) -> None:
    visit = _VISITS.get(type(value)) or _visit_of_subclass(value, walk)
    visit(value, walk)


def _visit_constant(value: object, walk: _Walk) -> None:
    """`null`, `true` and `false` are always fine."""


def _visit_text(value: str, walk: _Walk) -> None:
    if "\x00" in value:
        raise walk.refusal("holds a NUL character, which the database cannot store; remove it")
    if not value.isascii():
        _check_surrogates(value, walk)
    walk.spend(len(value))


def _check_surrogates(value: str, walk: _Walk) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        reason = f"holds a lone surrogate at character {error.start}; decode the text properly"
        raise walk.refusal(reason) from None


def _visit_integer(value: int, walk: _Walk) -> None:
    if not -EXACT_INTEGER_LIMIT < value < EXACT_INTEGER_LIMIT:
        raise walk.refusal(_TOO_LARGE)


def _visit_float(value: float, walk: _Walk) -> None:
    size = abs(value)
    if _SAME_REPR_FROM <= size < _SAME_REPR_BELOW and not value.is_integer():
        return
    walk.plain = False
    if size < EXACT_INTEGER_LIMIT:
        return
    if size == float("inf") or value != value:  # noqa: PLR0124 - the fastest test for NaN
        raise walk.refusal("NaN and Infinity are not JSON; return null or leave the value out")
    raise walk.refusal(_TOO_LARGE)


def _visit_array(value: list[object] | tuple[object, ...], walk: _Walk) -> None:
    walk.enter(len(value))
    path = walk.path
    for index, item in enumerate(value):
        path.append(index)
        _inspect(item, walk)
        path.pop()


def _visit_object(value: dict[object, object], walk: _Walk) -> None:
    walk.enter(len(value))
    path = walk.path
    for key, item in value.items():
        if not isinstance(key, str):
            raise walk.refusal(f"the key {key!r:.80} is a {type(key).__name__}; keys must be strings")
        path.append(key)
        _visit_text(key, walk)
        if not key.isascii():
            # RFC 8785 sorts by UTF-16 units, Python by code points; they part company beyond the basic plane.
            walk.plain = False
        _inspect(item, walk)
        path.pop()


def _visit_unkept(value: Unkept, walk: _Walk) -> None:
    if value.name is not None:
        walk.path.append(value.name)
    raise walk.refusal(value.reason)


_Visit = Callable[..., None]
_VISITS: Final[dict[type, _Visit]] = {
    type(None): _visit_constant,
    bool: _visit_constant,
    str: _visit_text,
    int: _visit_integer,
    float: _visit_float,
    list: _visit_array,
    tuple: _visit_array,
    dict: _visit_object,
    Unkept: _visit_unkept,
}


def _visit_of_subclass(value: object, walk: _Walk) -> _Visit:
    # Such as StrEnum, IntEnum, defaultdict or numpy.float64, all of which the encoders write like their base.
    for base, visit in _VISITS.items():
        if isinstance(value, base):
            return visit
    raise walk.refusal(
        f"a {type(value).__name__} is not JSON; return objects, arrays, strings, numbers, booleans or null"
    )
