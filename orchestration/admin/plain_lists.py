"""Lists whose rows lead nowhere: unfold takes the first cell of such a row for a box to choose it by, and says so."""

from typing import TYPE_CHECKING, Any

from django.urls import NoReverseMatch

if TYPE_CHECKING:
    # unfold ships no types; its lists are Django's.
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList


class PlainList(ChangeList):
    """A list whose first column names its rows, as in all others, and links to no page of theirs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the first column for the one that would lead to the row."""
        super().__init__(*args, **kwargs)
        self.list_display_links = self.list_display[:1]

    def url_for_result(self, result: Any) -> str:
        """Lead nowhere.

        Raises: NoReverseMatch: always; the cell is then shown without a link.
        """
        raise NoReverseMatch(f"rows of {self.opts.verbose_name_plural} have no page")
