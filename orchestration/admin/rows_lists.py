"""Lists that ask once for what the columns of a page's rows show, and lists that a form beside the filters narrows."""

from typing import Any, ClassVar

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest


class AddingList(ChangeList):
    """Adds to the rows of one page what they don't hold themselves: as many queries however many rows there are."""

    def add(self, request: HttpRequest, rows: list[Any]) -> None:
        """Set on each row what its columns show."""
        raise NotImplementedError

    def get_results(self, request: HttpRequest) -> None:
        """Load the page's rows, and what is added."""
        super().get_results(request)
        self.result_list: list[Any] = list(self.result_list)
        self.add(request, self.result_list)


class WrittenList(ChangeList):
    """Is narrowed by what is written into a form, too; Django would take the form's fields for filters it lacks.

    Attributes: written: the fields' names.
    """

    written: ClassVar[tuple[str, ...]] = ()

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Leave to the form what is its own."""
        asked = super().get_filters_params(params)
        return {name: value for name, value in asked.items() if name not in self.written}
