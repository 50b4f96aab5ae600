"""How settings are typed: words of a list on one line, and each field of a row named for who can't see its column."""

from typing import Any, Final

from django import forms
from django.contrib.postgres.fields import ArrayField
from django.forms.utils import pretty_name
from unfold.widgets import UnfoldAdminTextInputWidget

ONE_LINE: Final[dict[Any, Any]] = {
    ArrayField: {"widget": UnfoldAdminTextInputWidget(attrs={"placeholder": "several: with commas between"})}
}
"""Lists of words, whose usual field is as high as a letter."""


class RowForm(forms.ModelForm[Any]):
    """One row of a table: its fields have no label beside them, only the column's title far above."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Say at each field what it is. A group of boxes has a label at each."""
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            label = str(field.label or pretty_name(name))
            # Around a choice of rows stand its buttons.
            widget: Any = getattr(field.widget, "widget", field.widget)
            if isinstance(widget, forms.MultiWidget):
                for part, words in zip(widget.widgets, ("day", "time"), strict=False):
                    part.attrs.setdefault("aria-label", f"{label}, {words}")
            elif not isinstance(widget, (forms.CheckboxSelectMultiple, forms.HiddenInput)):
                widget.attrs.setdefault("aria-label", label)
