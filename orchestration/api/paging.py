"""Lists in pages: the next one begins behind the last row of this one, whatever was added meanwhile.

A cursor says the values of the order's columns in the last row. It names rows, and gives no right to them.
"""

import base64
import json
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from orchestration.api.problems import ParameterInvalid

PAGE_SIZE: Final = 50
MOST_ROWS: Final = 200
_BAD_CURSOR = "cursor: this is none of this list; take the `next_cursor` of its last page, or leave it out"


class KeysetPages(BasePagination):
    """`?cursor=` and `?page_size=` -> `results` and `next_cursor`, null on the last page."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page that the query asks for.

        Raises: ParameterInvalid.
        """
        order: tuple[str, ...] = view.find_order()
        size = read_size(request.query_params.get("page_size"))
        cursor = request.query_params.get("cursor")
        if cursor is not None:
            queryset = queryset.filter(read_place(cursor, order, queryset))
        rows = list(queryset.order_by(*order)[: size + 1])
        self.next_cursor = write_place(order, rows[size - 1]) if len(rows) > size else None
        return rows[:size]

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page."""
        return Response({"results": data, "next_cursor": self.next_cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return how the OpenAPI document shows a page."""
        cursor = {"type": ["string", "null"], "description": "Of the next page; null on the last one."}
        return {
            "type": "object",
            "required": ["results", "next_cursor"],
            "properties": {"results": schema, "next_cursor": cursor},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return how the OpenAPI document shows the parameters."""
        size = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": PAGE_SIZE}
        return [
            _parameter("cursor", {"type": "string"}, "`next_cursor` of the page before."),
            _parameter("page_size", size, "Most rows in a page."),
        ]


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def read_size(text: str | None) -> int:
    """Return how many rows a page has.

    Raises: ParameterInvalid.
    """
    if text is None:
        return PAGE_SIZE
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= MOST_ROWS):
        raise ParameterInvalid(f"page_size: give a whole number from 1 to {MOST_ROWS}")
    return int(text)


def write_place(order: tuple[str, ...], row: Any) -> str:
    """Return the cursor that says the place of a row."""
    values = [_read_column(row, name.lstrip("-")) for name in order]
    text = json.dumps(values, cls=_Exact)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_column(row: Any, name: str) -> Any:
    """Return the value of a column; `project__slug` is that of the row which `project` refers to."""
    for part in name.split("__"):
        row = getattr(row, part)
    return row


class _Exact(DjangoJSONEncoder):
    """Django's own encoder cuts times to milliseconds; a cursor must not."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)


def read_place(cursor: str, order: tuple[str, ...], rows: QuerySet[Any]) -> Q:
    """Return the condition of standing behind the place that a cursor says.

    Raises: ParameterInvalid.
    """
    return _behind(order, _read_cursor(cursor, order, rows))


def _read_cursor(cursor: str, order: tuple[str, ...], rows: QuerySet[Any]) -> list[Any]:
    try:
        values = read_json(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(values, list) or len(values) != len(order):
            raise ParameterInvalid(_BAD_CURSOR)
        return [_convert(rows, name, value) for name, value in zip(order, values, strict=True)]
    except (UnreadableJson, ValidationError, ValueError, TypeError):
        raise ParameterInvalid(_BAD_CURSOR) from None


def _convert(rows: QuerySet[Any], name: str, value: Any) -> Any:
    """Return a cursor's value as its column holds it."""
    field = _find_field(rows.model, name.lstrip("-"))
    read = field.to_python(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
    is_cast = isinstance(read, str) and not isinstance(value, str)
    if read is None or is_cast or (isinstance(read, datetime) and read.tzinfo is None):
        raise ValueError(name)
    return read


def _find_field(model: Any, name: str) -> Any:
    *way, last = name.split("__")
    for part in way:
        model = model._meta.get_field(part).related_model  # noqa: SLF001 - Django's documented way to a model's fields
    columns = model._meta  # noqa: SLF001
    return columns.pk if last == "pk" else columns.get_field(last)


def _behind(order: tuple[str, ...], values: list[Any]) -> Q:
    """Return the condition of standing behind a row: a later first column, or the same and a later second, ..."""
    behind, same = Q(pk__in=[]), Q()
    for name, value in zip(order, values, strict=True):
        column = name.lstrip("-")
        behind |= same & Q(**{f"{column}__{'lt' if name.startswith('-') else 'gt'}": value})
        same &= Q(**{column: value})
    # What the first column must be at least is implied; said, it lets the index skip.
    first = order[0].lstrip("-")
    return behind & Q(**{f"{first}__{'lte' if order[0].startswith('-') else 'gte'}": values[0]})
