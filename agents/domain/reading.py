"""Reads JSON that came from outside: the one reader of bodies, arguments, files, forms and cursors.

Stricter than the standard library's, which takes the last of doubled names, NaN, and integers that others round. What
it returns can be kept. What we wrote ourselves, in canonical JSON, is read back with `json.loads`.
"""

from __future__ import annotations

import json
from typing import Any, Final

from agents.domain.canonical import MAX_BYTES, MAX_DEPTH, Unkept, check_json
from agents.errors import UnreadableJson, UnreadableOutput

MAX_TEXT_BYTES: Final = 32 * MAX_BYTES
"""Of a text, not of its value: indented to be read by people, a value of 1 MiB is many times as long."""
_BYTE_ORDER_MARK: Final = "\ufeff"
# Sixteen digits and a sign: what is longer is over 2^53, and reading it takes time in the square of its length.
_LONGEST_INTEGER: Final = 17
# In a message; a name may be as long as the text.
_LONGEST_PATH: Final = 200
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def read_json(source: str | bytes, *, max_bytes: int = MAX_TEXT_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Return the value of a JSON text, in time linear in its length.

    Args:
        source: the text, or its UTF-8 bytes; a byte order mark before it is passed over.
        max_bytes: the longest text.
        max_depth: deepest nesting of objects and arrays.

    Raises:
        UnreadableJson: it is no JSON, or holds a doubled name, NaN, an integer of 2^53 or more, NUL or a lone
            surrogate; says where, by line and column or by path.

    Source: RFC 8259; the limits are those of I-JSON, RFC 7493.
    """
    if len(source) > max_bytes:
        raise UnreadableJson(
            f"longer than {max_bytes} bytes; keep large content elsewhere and give a reference"
        )
    text = read_utf8(source) if isinstance(source, bytes) else source.removeprefix(_BYTE_ORDER_MARK)
    try:
        value = _DECODER.decode(text)
        check_json(value, max_depth=max_depth)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise UnreadableJson(f"no valid JSON at {place}: {error.msg}") from None
    except RecursionError:
        raise UnreadableJson(f"nested deeper than {max_depth} levels") from None
    except UnreadableOutput as error:
        place = f"at {error.path:.{_LONGEST_PATH}}: " if error.path else ""
        raise UnreadableJson(f"{place}{error.reason}", error.path) from None
    return value


def read_utf8(source: bytes) -> str:
    """Return the text of UTF-8 bytes without a byte order mark.

    Raises: UnreadableJson: they are something else; names the first byte at fault.
    """
    try:
        return source.decode().removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        found = "UTF-16, not UTF-8" if source.startswith(_UTF_16) else "no UTF-8"
        line = source.count(b"\n", 0, error.start) + 1
        raise UnreadableJson(f"{found} text (byte {error.start}, in line {line}); save it as UTF-8") from None


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Unkept:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            break
        seen.add(name)
    return Unkept("this name stands twice in one object; keep one of them", name)


def _read_integer(digits: str) -> int | Unkept:
    if len(digits) <= _LONGEST_INTEGER:
        return int(digits)
    return Unkept("a number of 2^53 or more is not kept exactly by every JSON reader; write it as text")


def _read_constant(name: str) -> Unkept:
    return Unkept(f"{name} is not JSON; write null, or leave the value out")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_read_object, parse_int=_read_integer, parse_constant=_read_constant
)
