"""What a person changed in a proposal, field by field. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Final

MOST_CHANGES: Final = 100
"""So many are told; whoever changed more wrote something new."""
_DEEPEST: Final = 8
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs.

    Attributes: place: as people write it, `customer.mail` or `lines[2].net`; "" for the whole.
        before, after: as text or JSON; None: there was, or is, no such field.
    """

    place: str
    before: str | None
    after: str | None


def find_changes(before: Any, after: Any) -> list[Change]:
    """Return what differs between two JSON values, in the order of the first; at most MOST_CHANGES.

    Lists are compared place by place, values by their JSON: true is not 1, and 1 is not 1.0.
    """
    return list(islice(_compare("", before, after, 0), MOST_CHANGES))


def _compare(place: str, before: Any, after: Any, depth: int) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict) and depth < _DEEPEST:
        for key in dict.fromkeys((*before, *after)):
            inner = f"{place}.{key}" if place else key
            yield from _compare(inner, before.get(key, _NOTHING), after.get(key, _NOTHING), depth + 1)
    elif isinstance(before, list) and isinstance(after, list) and depth < _DEEPEST:
        for index, (old, new) in enumerate(zip_longest(before, after, fillvalue=_NOTHING)):
            yield from _compare(f"{place}[{index}]", old, new, depth + 1)
    elif _write(before) != _write(after) or type(before) is not type(after):
        yield Change(place, _write(before), _write(after))


def _write(value: Any) -> str | None:
    if value is _NOTHING:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
