"""Makes text safe to judge by eye: what can't be seen, or turns the reading order, is spelled out.

People approve what the screen shows. Bidirectional overrides, zero-width and other unseen characters let text
read differently from what it is, so they are never shown raw. The HTML of it is `admin/visible.py`'s.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, Final

_PLAIN_CONTROLS = frozenset("\n\t")
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks by category, blank on the screen. U+FE0F is let through: it stands in ordinary emoji.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    chr(point) for span in (range(0xFE00, 0xFE0F), range(0xE0100, 0xE01F0)) for point in span
)


def is_unseen(character: str) -> bool:
    """Tell whether a character leaves no mark of its own on the screen or changes how others are read."""
    if character in _PLAIN_CONTROLS:
        return False
    return character in _BLANK or unicodedata.category(character) in _UNSEEN_CATEGORIES


def split_unseen(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in pieces: (piece, False) to show as it is, (spelled-out code points, True) to mark."""
    runs = text.translate(_SPELLED_OUT).replace(f"{_END}{_BEGIN}", "")
    for place, piece in enumerate(_RUN.split(runs)):
        if piece:
            yield piece, place % 2 == 1


def spell_out(text: str) -> str:
    """Return the text with every unseen character spelled out, for places that can't mark it."""
    return text.translate(_SPELLED_OUT).replace(_BEGIN, "").replace(_END, "")


def pretty_json(value: Any, *, most: int | None = None) -> str:
    """Return JSON of `value` as `lay_out` sets it, in which unseen characters stand as escapes."""
    return lay_out(value, most=most).translate(_ESCAPED)


def lay_out(value: Any, *, most: int | None = None) -> str:
    """Return JSON of `value` in lines, unseen characters and all.

    Small values are indented. Large ones are set in full lines: indented, a list of numbers takes thousands of
    lines, and what is nested deeply grows thirtyfold.

    Args: most: characters behind which the rest is left out, if the value is large; None: nothing is.
    """
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _MOST_INDENTED:
        return json.dumps(value, indent=2, ensure_ascii=False)
    return _fill_lines(text if most is None else text[:most])


def _fill_lines(text: str) -> str:
    """Break JSON into lines between values, never inside a text."""
    lines: list[str] = []
    line: list[str] = []
    width = end = 0
    # Where the text was cut inside a string, nothing matches any more.
    while end < len(text) and (match := _UP_TO_COMMA.match(text, end)):
        piece, end = match.group(), match.end()
        if line and width + len(piece) > _WIDTH:
            lines.append("".join(line).rstrip())
            line, width = [], 0
        line.append(piece)
        width += len(piece)
    return "\n".join([*lines, "".join(line) + text[end:]])


class _Unseen(dict[int, str]):
    """What is written for unseen characters, for `str.translate`; found out when a character first comes."""

    def __init__(self, write: Callable[[str], str]) -> None:
        """Write unseen characters so."""
        super().__init__()
        self._write = write

    def __missing__(self, point: int) -> str:
        """Return what stands for a character."""
        character = chr(point)
        written = self._write(character) if is_unseen(character) else character
        # The rest of the planes stays out: texts that walk through them all would fill the memory.
        if point <= _LAST_KEPT:
            self[point] = written
        return written


def _escape(character: str) -> str:
    point = ord(character)
    if point <= 0xFFFF:
        return f"\\u{point:04x}"
    high, low = divmod(point - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


# NUL and U+0001 are unseen themselves, so in a text where these are spelled out they can serve as brackets.
_BEGIN, _END = "\x00", "\x01"
_RUN: Final = re.compile(f"{_BEGIN}([^{_END}]*){_END}")
_LAST_KEPT: Final = 0xFFFF
_SPELLED_OUT: Final = _Unseen(lambda character: f"{_BEGIN}[U+{ord(character):04X}]{_END}")
_ESCAPED: Final = _Unseen(_escape)
_MOST_INDENTED: Final = 20_000
_WIDTH: Final = 100
_UP_TO_COMMA: Final = re.compile(r'(?:[^",]++|"(?:[^"\\]++|\\.)*+"|,(?! ))*+(?:, |\Z)')
