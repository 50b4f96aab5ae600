"""Business calendars, edited as a week: a line of hours a day, a line for each day that is different."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.forms.utils import pretty_name
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from escalation.domain.calendar import WEEKDAYS, BusinessCalendar, build_calendar, list_zones
from escalation.domain.calendar_preview import CalendarPreview, DayPreview, preview_calendar
from escalation.domain.calendar_text import (
    DAYS,
    FIELD_WORDS,
    name_field,
    name_lines,
    read_holiday_lines,
    read_hours_line,
    write_holiday_lines,
)
from escalation.domain.sla import describe_duration
from escalation.errors import CalendarExhausted, CalendarInvalid
from escalation.escrow import save_calendar
from escalation.models import Calendar, read_clock
from orchestration.admin.access import ScopedAdmin, caller_of, has_right
from orchestration.domain.rights import Right
from orchestration.selectors.scope import find_projects

_ZERO = timedelta(0)


class CalendarForm(forms.ModelForm[Calendar]):
    """A calendar as it is typed."""

    time_zone = forms.ChoiceField(choices=lambda: [(zone, zone) for zone in list_zones()], initial="UTC")
    holidays = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 8, "cols": 50}),
        required=False,
        help_text="A line each: “2026-12-25 Christmas Day” is closed, “2026-12-24 09:00-12:00 Christmas Eve” is "
        "half a day.",
    )

    calendar: BusinessCalendar | None = None
    """What was typed, once it was found to make sense; name and project may still be missing."""

    class Meta:
        model = Calendar
        fields = ("project", "name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Add a field for each weekday, and fill in the present version."""
        super().__init__(*args, **kwargs)
        for day, name in zip(WEEKDAYS, DAYS, strict=True):
            self.fields[day] = forms.CharField(
                label=name,
                required=False,
                widget=forms.TextInput(attrs={"size": 40, "class": "vTextField"}),
                help_text="Open hours, such as 09:00-12:30, 13:30-18:00. Empty: closed."
                if day == "mon"
                else "",
            )
        current = self.instance.current if self.instance.pk else None
        if current is not None:
            self.initial.update({day: ", ".join(current.hours.get(day, ())) for day in WEEKDAYS})
            self.initial["time_zone"] = current.time_zone
            self.initial["holidays"] = write_holiday_lines(current.holidays)

    def clean(self) -> dict[str, Any]:
        """Check the calendar whole, and show what is wrong at its field."""
        typed: dict[str, Any] = super().clean() or {}
        hours = {day: read_hours_line(typed.get(day, "")) for day in WEEKDAYS if typed.get(day, "").strip()}
        try:
            typed["hours"], typed["special"] = hours, read_holiday_lines(typed.get("holidays", ""))
            self.calendar = build_calendar(typed.get("time_zone", ""), hours, typed["special"])
        except CalendarInvalid as error:
            place, _, _ = str(error).partition(":")
            field = place.partition(".")[2] if place.startswith("hours.") else place.partition("[")[0]
            words = name_field(name_lines(typed.get("holidays", ""), str(error)))
            raise ValidationError({field if field in self.fields else "mon": words}) from error
        return typed


@admin.register(Calendar)
class CalendarAdmin(ScopedAdmin[Calendar]):
    """When teams work. Each change is a further version; tickets that are open keep theirs."""

    form = CalendarForm
    change_form_template = "admin/escalation/calendar/change_form.html"
    empty_words: ClassVar[str] = (
        "Without a calendar the clocks of tickets run around the clock. Make one, then choose it at the review "
        "queues that shall go by it."
    )
    list_display = ("name", "project", "time_zone", "version")
    list_select_related = ("project", "current")

    def get_fieldsets(self, request: HttpRequest, obj: Calendar | None = None) -> Any:
        """Show the week, the days that are different, and what follows of them."""
        own = {"fields": ("project", "name", "time_zone")}
        week = {"fields": WEEKDAYS, "description": "By the clock on the wall of the time zone."}
        shown = [(None, own), ("Open hours", week), ("Holidays and other days", {"fields": ("holidays",)})]
        return [*shown, ("What follows", {"fields": ("preview",)})] if obj else shown

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 - Django's own
        """Let Django make the model's fields only; the others are the form's own."""
        return super().get_form(request, obj, change, **{**kwargs, "fields": ("project", "name")})

    def get_readonly_fields(self, request: HttpRequest, obj: Calendar | None = None) -> tuple[str, ...]:
        """Keep name and project: what goes by a calendar knows it by these."""
        return ("project", "name", "preview") if obj else ("preview",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let admins of a project make calendars for it."""
        return has_right(request, Right.MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Calendar | None = None) -> bool:
        """Let admins of its project change a calendar."""
        return has_right(request, Right.MANAGE, obj.project_id if obj else None)

    def has_delete_permission(self, request: HttpRequest, obj: Calendar | None = None) -> bool:
        """Calendars stay: tickets went by them."""
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the projects that the person is an admin of."""
        if db_field.name == "project":
            kwargs["queryset"] = find_projects(caller_of(request), Right.MANAGE)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Calendar, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's own
        """Write a version."""
        typed = form.cleaned_data
        version = save_calendar(
            obj.project,
            obj.name,
            typed["time_zone"],
            typed["hours"],
            typed["special"],
            user=request.user,  # type: ignore[arg-type]
        )
        obj.pk, obj.current = version.calendar_id, version

    def get_urls(self) -> list[URLPattern]:
        """Add the preview, which takes the form as it stands and saves nothing."""
        view = self.admin_site.admin_view(self.show_preview)
        return [path("preview/", view, name="escalation_calendar_preview"), *super().get_urls()]

    def show_preview(self, request: HttpRequest) -> HttpResponse:
        """Show what the hours and holidays in the form would mean."""
        if request.method != "POST":
            return HttpResponseNotAllowed(("POST",))
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = CalendarForm(request.POST)
        faults = [
            _split_fault(str(form.fields[name].label or pretty_name(name)), str(fault))
            for name, found in form.errors.items()
            for fault in found
            if name not in {"project", "name"}
        ]
        try:
            shown = _show(preview_calendar(form.calendar, read_clock())) if form.calendar else {}
        except CalendarExhausted as error:
            shown, faults = {}, [("Open hours", str(error))]
        context = {
            **self.admin_site.each_context(request),
            "title": "Preview of a calendar",
            "preview": bool(shown),
            "faults": faults,
            **shown,
        }
        return TemplateResponse(request, "admin/escalation/calendar/preview.html", context)

    @admin.display(description="Time zone")
    def time_zone(self, calendar: Calendar) -> str:
        """Return where its clock hangs."""
        return calendar.current.time_zone if calendar.current else "-"

    @admin.display(description="Version")
    def version(self, calendar: Calendar) -> str:
        """Return how often it was changed."""
        return str(calendar.current.number) if calendar.current else "-"

    @admin.display(description="A ticket opened now would be due")
    def preview(self, calendar: Calendar) -> SafeString:
        """Return what the saved hours mean for a ticket that opens now."""
        return format_html_join("", "<div>{}</div>", ((line,) for line in _foresee(calendar)))


def _foresee(calendar: Calendar) -> Iterator[str]:
    if calendar.current is None:
        yield "Nothing is saved yet."
        return
    try:
        preview = preview_calendar(calendar.current.read(), read_clock(), days=0)
    except (CalendarInvalid, CalendarExhausted) as error:
        yield f"{error} Tickets count around the clock meanwhile."
        return
    for length, until in preview.reaches:
        yield f"with {describe_duration(length)}: {_say_time(until)} ({calendar.current.time_zone})"


def _split_fault(label: str, fault: str) -> tuple[str, str]:
    """Return which field a fault is about and what is wrong; one of the calendar's own names its place already."""
    place, colon, rest = fault.partition(": ")
    return (place, rest) if colon and place.partition(",")[0] in FIELD_WORDS.values() else (label, fault)


def _show(preview: CalendarPreview) -> dict[str, Any]:
    """Return a preview in words, as its page shows it."""
    return {
        "now": _say_time(preview.now),
        "zone": str(preview.now.tzinfo),
        "reaches": [(describe_duration(length), _say_time(until)) for length, until in preview.reaches],
        "shifts": [
            f"On {_say_day(day)} the clocks go {'forward' if day.shift > _ZERO else 'back'} by "
            f"{describe_duration(abs(day.shift))}: an hour that is left out is not "
            "counted, one that comes twice counts twice."
            for day in preview.shifts
        ],
        "days": [
            {
                "on": _say_day(day),
                "open": ", ".join(
                    f"{_say_clock(begins)} to {_say_clock(ends, begins)}" for begins, ends in day.open
                )
                or "closed",
                "open_for": describe_duration(day.open_for) if day.open else "",
                "why": day.name or ("hours of its own" if day.is_special else ""),
            }
            for day in preview.days
        ],
    }


def _say_time(at: datetime) -> str:
    return f"{at:%a %d %b %Y, %H:%M:%S}"


def _say_day(day: DayPreview) -> str:
    return f"{day.on:%a %d %b %Y}"


def _say_clock(at: datetime, begins: datetime | None = None) -> str:
    """Return the time of day; the midnight at which a day ends is 24:00, as it is typed."""
    return "24:00" if begins and at.date() > begins.date() else f"{at:%H:%M}"
