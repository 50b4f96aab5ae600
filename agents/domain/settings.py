"""Reads an app's numbers out of `settings.RINGMASTER`: each by the type, unit and bounds of its field, or refused.

A whole number is taken for a fraction (8 for 8.0), never the other way round; text is no number. Mappings are passed
on as they are: what they hold, their app reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import Any, Final, TypeVar, get_type_hints

SETTINGS: Final = "ringmaster_settings"
"""The tag of the system checks of `settings.RINGMASTER`: what every process and command needs to be right."""
MOST_SECONDS: Final = 10 * 366 * 24 * 3600.0
"""Above it, adding a duration to a time may leave the calendar."""
MOST_COUNT: Final = 2**31 - 1
_T = TypeVar("_T")


def between(default: float, least: float, most: float) -> Any:
    """Return the field of a number that has bounds of its own, both allowed."""
    return field(default=default, metadata={"bounds": (least, most)})


def read_settings(kind: type[_T], given: Mapping[str, Any]) -> _T:
    """Return a Conf with what is given for its fields, and its defaults.

    Args:
        kind: a dataclass whose fields are the names.
        given: all that `settings.RINGMASTER` holds; names of others are passed over.

    Raises:
        ValueError: a line for every value that can't be used, which says what can.
    """
    hints = get_type_hints(kind)
    read: dict[str, Any] = {}
    faults: list[str] = []
    for item in fields(kind):  # type: ignore[arg-type]
        if item.name not in given:
            continue
        try:
            read[item.name] = _reader(hints[item.name])(given[item.name], item.metadata)
        except ValueError as error:
            faults.append(f"RINGMASTER['{item.name}'] must be {error}, this is {given[item.name]!r:.80}")
    if faults:
        raise ValueError("\n".join(faults))
    return kind(**read)


def _read_fraction(value: object, about: Mapping[str, Any]) -> float:
    least, most = about.get("bounds", (None, MOST_SECONDS))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_fine = is_number and (value > 0 if least is None else value >= least) and value <= most  # type: ignore[operator]
    if not is_fine:
        low = "above 0 and" if least is None else f"from {least:g}"
        raise ValueError(f"a number {low} {'at most' if least is None else 'to'} {most:,.10g}")
    return float(value)  # type: ignore[arg-type]


def _read_count(value: object, about: Mapping[str, Any]) -> int:
    least, most = about.get("bounds", (1, MOST_COUNT))
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"a whole number above {least - 1:,} and at most {most:,}")
    return value


def _read_text(value: object, _about: Mapping[str, Any]) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("a text")


def _read_text_or_none(value: object, about: Mapping[str, Any]) -> str | None:
    return None if value is None else _read_text(value, about)


def _read_texts(value: object, _about: Mapping[str, Any]) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise ValueError("a list of texts")
    return tuple(value)


def _pass_on(value: object, _about: Mapping[str, Any]) -> object:
    return value


_Reader = Callable[[object, Mapping[str, Any]], Any]
_READERS: Final[Mapping[Any, _Reader]] = {
    float: _read_fraction,
    int: _read_count,
    str: _read_text,
    str | None: _read_text_or_none,
    tuple[str, ...]: _read_texts,
}


def _reader(hint: Any) -> _Reader:
    return _READERS.get(hint, _pass_on)
