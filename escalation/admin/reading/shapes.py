"""Values: numbers plain, lists as lists, alike objects as a table, other objects as pairs."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from escalation.admin.reading.manner import Manner
from escalation.admin.reading.markdown import show_text

_DEEPEST: Final = 6
# More pieces are no page that somebody reads: such a value is shown as JSON.
_MOST_PIECES: Final = 300
_MOST_COLUMNS: Final = 8
_LONGEST_CELL: Final = 80
_PLAINLY: Final = Manner()
_TECHNICAL: Final = re.compile(
    r"_.*|(?:.*_)?(?:id|ids|uuid|digest|hash|sha256|checksum|etag|version|trace|debug|raw|metadata|embedding|tokens|usage"
    r"|model|schema|checkpoint)",
    re.IGNORECASE,
)


def is_technical(key: str) -> bool:
    """Tell whether a property is for machines by its name: pages fold it away."""
    return _TECHNICAL.fullmatch(key) is not None


def can_show(value: Any) -> bool:
    """Tell whether a value is small and flat enough for lists and tables."""
    return _count(value, _MOST_PIECES, 0) <= _MOST_PIECES


def show_value(value: Any, manner: Manner = _PLAINLY) -> SafeString:
    """Return a value for which `can_show` holds as safe HTML, in the manner that its spec asks for."""
    match value:
        case str():
            return manner.show_link(value) or (show_text(value) if value else _say_none("empty text"))
        case dict():
            return _show_object(value, manner)
        case list():
            return _show_list(value, manner)
        case _:
            return _show_scalar(value)


def _count(value: Any, most: int, depth: int) -> int:
    """Return how many pieces a value has, at most one more than `most`; too deep counts as too many."""
    if not isinstance(value, dict | list):
        return 1
    if depth >= _DEEPEST:
        return most + 1
    count = 1
    for item in value.values() if isinstance(value, dict) else value:
        count += _count(item, most - count, depth + 1)
        if count > most:
            break
    return count


def _show_scalar(value: Any) -> SafeString:
    match value:
        case None:
            return _say_none("nothing")
        case bool():
            return format_html('<span class="rm-plain">{}</span>', "yes" if value else "no")
        case _:
            return format_html('<span class="rm-plain">{}</span>', json.dumps(value))


def _say_none(words: str) -> SafeString:
    return format_html('<i class="rm-none">{}</i>', words)


def _show_object(value: Mapping[str, Any], manner: Manner) -> SafeString:
    if not value:
        return _say_none("nothing")
    return _fold_some(list(value), manner, lambda keys: _show_pairs(value, keys, manner))


def _fold_some(
    keys: Sequence[str], manner: Manner, show: Callable[[Sequence[str]], SafeString]
) -> SafeString:
    """Return properties as `show` shows them, those to be folded behind the others."""
    folded = [key for key in keys if manner.below(key).is_folded]
    plain = show([key for key in keys if key not in folded]) if len(folded) < len(keys) else ""
    if not folded:
        return SafeString(plain)
    return format_html(
        '{}<details class="rm-technical"><summary>More</summary>{}</details>', plain, show(folded)
    )


def _show_pairs(value: Mapping[str, Any], keys: Sequence[str], manner: Manner) -> SafeString:
    places = ((manner.below(key), value[key]) for key in keys)
    pairs = ((place.name, show_value(item, place)) for place, item in places)
    return format_html('<dl class="rm-pairs">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs))


def _show_list(value: Sequence[Any], manner: Manner) -> SafeString:
    if not value:
        return _say_none("none")
    columns = _find_columns(value)
    if columns:
        return _fold_some(columns, manner, lambda keys: _show_table(value, keys, manner))
    items = format_html_join("", "<li>{}</li>", ((show_value(item, manner),) for item in value))
    return format_html('<ul class="rm-list">{}</ul>', items)


def _find_columns(rows: Sequence[Any]) -> list[str]:
    """Return the columns of a list of alike objects whose values fit into cells; none for all else."""
    if len(rows) < 2 or not all(isinstance(row, dict) and row for row in rows):
        return []
    columns = list(dict.fromkeys(key for row in rows for key in islice(row, _MOST_COLUMNS + 1)))
    if len(columns) > _MOST_COLUMNS or not all(_fits(item) for row in rows for item in row.values()):
        return []
    return columns


def _fits(item: Any) -> bool:
    if isinstance(item, str):
        return len(item) <= _LONGEST_CELL and "\n" not in item
    return not isinstance(item, dict | list)


def _show_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], manner: Manner) -> SafeString:
    places = {column: manner.below(column) for column in columns}
    head = format_html_join("", '<th scope="col">{}</th>', ((place.name,) for place in places.values()))
    body = format_html_join("", "<tr>{}</tr>", ((_show_row(row, places),) for row in rows))
    return format_html(
        '<table class="rm-cells"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body
    )


def _show_row(row: Mapping[str, Any], columns: Mapping[str, Manner]) -> SafeString:
    """Return the cells of a row; what it does not have stays empty."""
    cells = ((show_value(row[column], place) if column in row else "",) for column, place in columns.items())
    return format_html_join("", "<td>{}</td>", cells)
