"""Pages over large tables: nothing here counts a whole table."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

MOST_COUNTED = 10_000
Row = TypeVar("Row", bound=Model)


class CappedPaginator(Paginator[Any]):
    """Counts up to a bound; beyond it one narrows the list by filter or search instead of leafing on."""

    template_name = "admin/orchestration/list_pages.html"

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most MOST_COUNTED."""
        return min(self._counted, MOST_COUNTED)

    @property
    def is_capped(self) -> bool:
        """Tell whether there are more rows than can be leafed through."""
        return self._counted > MOST_COUNTED

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by().values("pk")[: MOST_COUNTED + 1].count()
        return counted


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a section of a page.

    Attributes: rows: on this page.  number: from 1.  first: what the first row counts as, from 1.
    """

    rows: list[Row]
    number: int
    first: int
    has_next: bool

    @property
    def last(self) -> int:
        """Return what the last row counts as."""
        return self.first + len(self.rows) - 1


def turn_page(request: HttpRequest, rows: "QuerySet[Row]", size: int) -> Page[Row]:
    """Return the page that `?page=` asks for; anything but a page number asks for the first."""
    asked = request.GET.get("page", "")
    number = max(int(asked), 1) if asked.isdecimal() and len(asked) < 9 else 1
    first = (number - 1) * size
    found = list(rows[first : first + size + 1])
    return Page(rows=found[:size], number=number, first=first + 1, has_next=len(found) > size)
