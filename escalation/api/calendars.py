"""Business calendars: made, changed by a further version, and looked at before they are saved."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.domain.calendar import MAX_HOLIDAYS, WEEKDAYS, build_calendar
from escalation.domain.calendar_preview import CalendarPreview, preview_calendar
from escalation.errors import CalendarNotFound
from escalation.escrow import save_calendar
from escalation.models import Calendar, CalendarVersion, read_clock
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import JsonObject, Text
from orchestration.domain.rights import Right
from orchestration.selectors.scope import find_project, require, scope_rows


class HoursBody(Body):
    """When people work."""

    time_zone = Text(max_length=100, help_text="Such as Europe/Berlin.")
    hours = JsonObject(
        help_text=f'Weekday ({", ".join(WEEKDAYS)}) to open hours such as ["09:00-12:30"]; left out: closed.'
    )
    holidays = serializers.ListField(
        child=JsonObject(),
        required=False,
        default=list,
        max_length=MAX_HOLIDAYS,
        help_text='Days with hours of their own, as {"date": "2026-12-24", "hours": [...], "name": ...}.',
    )


class CalendarBody(HoursBody):
    """A calendar of a project."""

    project = Text(max_length=100)
    name = Text(max_length=100, help_text="One that there is gets a further version.")


class VersionRow(serializers.Serializer[Any]):
    """One form that a calendar has had."""

    version = serializers.IntegerField(source="number", read_only=True)
    time_zone = serializers.CharField(read_only=True)
    hours = serializers.DictField(read_only=True)
    holidays = serializers.ListField(child=serializers.DictField(), read_only=True)
    made_by = serializers.CharField(source="made_by_name", read_only=True)
    made_at = serializers.DateTimeField(read_only=True)


class CalendarRow(serializers.Serializer[Any]):
    """A calendar, and what it says now."""

    id = serializers.IntegerField(read_only=True)
    project = serializers.CharField(source="project.slug", read_only=True)
    name = serializers.CharField(read_only=True)
    current = VersionRow(read_only=True, allow_null=True)


class OpenRow(serializers.Serializer[Any]):
    """An open time."""

    begins = serializers.DateTimeField(read_only=True)
    ends = serializers.DateTimeField(read_only=True)


class DayRow(serializers.Serializer[Any]):
    """One day to come."""

    date = serializers.DateField(read_only=True)
    open = OpenRow(many=True, read_only=True, help_text="In the calendar's zone.")
    open_seconds = serializers.FloatField(read_only=True)
    name = serializers.CharField(read_only=True)
    is_special = serializers.BooleanField(read_only=True, help_text="It has hours of its own.")
    clocks_forward_seconds = serializers.FloatField(
        read_only=True, help_text="How far the clocks are put forward on this day; below 0: back."
    )


class ReachRow(serializers.Serializer[Any]):
    """Until when some business time lasts."""

    business_seconds = serializers.FloatField(read_only=True)
    until = serializers.DateTimeField(read_only=True)


class CalendarPreviewRow(serializers.Serializer[Any]):
    """What follows of a calendar."""

    now = serializers.DateTimeField(read_only=True)
    days = DayRow(many=True, read_only=True, help_text="The next 14, from today on.")
    reaches = ReachRow(many=True, read_only=True, help_text="How far business time reaches from now.")


class CalendarList(ApiView):
    """Calendars."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.MANAGE}
    queryset = Calendar.objects.none()
    order: ClassVar[tuple[str, ...]] = ("project__slug", "name", "pk")

    @extend_schema(operation_id="list_calendars", responses=CalendarRow(many=True))
    def get(self, _request: Request) -> Response:
        """List the business calendars of your projects."""
        return self.show_page(_scope(self), CalendarRow)

    @extend_schema(operation_id="save_calendar", request=CalendarBody, responses={201: CalendarRow})
    def post(self, _request: Request) -> Response:
        """Make a calendar of a project. Its clocks run by it once a review queue has chosen it."""
        body = self.read_body(CalendarBody)
        project = find_project(self.caller, body.pop("project"), Right.MANAGE)
        version = save_calendar(project, user=self.person, **body)
        return Response(CalendarRow(_scope(self).get(pk=version.calendar_id)).data, status=201)


class CalendarView(ApiView):
    """One calendar."""

    rights: ClassVar[dict[str, Right]] = {"PUT": Right.MANAGE}

    @extend_schema(operation_id="get_calendar", responses=CalendarRow)
    def get(self, _request: Request, calendar_id: int) -> Response:
        """Show a calendar as it is now."""
        return Response(CalendarRow(_find(self, calendar_id)).data)

    @extend_schema(operation_id="change_calendar", request=HoursBody, responses=CalendarRow)
    def put(self, _request: Request, calendar_id: int) -> Response:
        """Give a calendar a further version; tickets that are open keep theirs until somebody plans them anew."""
        calendar = _find(self, calendar_id, Right.MANAGE)
        save_calendar(calendar.project, calendar.name, user=self.person, **self.read_body(HoursBody))
        return Response(CalendarRow(_scope(self).get(pk=calendar_id)).data)


class CalendarVersions(ApiView):
    """The forms that a calendar has had."""

    queryset = CalendarVersion.objects.none()
    order: ClassVar[tuple[str, ...]] = ("-number", "-pk")

    @extend_schema(operation_id="list_calendar_versions", responses=VersionRow(many=True))
    def get(self, _request: Request, calendar_id: int) -> Response:
        """List the versions of a calendar, the latest first: tickets go by the one that they opened with."""
        rows = CalendarVersion.objects.filter(calendar=_find(self, calendar_id))
        return self.show_page(rows, VersionRow)


class CalendarTry(ApiView):
    """Looking before saving."""

    @extend_schema(operation_id="preview_calendar", request=HoursBody, responses=CalendarPreviewRow)
    def post(self, _request: Request) -> Response:
        """Show what hours and holidays would mean: the next 14 days, and how far business time reaches from now."""
        body = self.read_body(HoursBody)
        calendar = build_calendar(body["time_zone"], body["hours"], body["holidays"])
        return Response(CalendarPreviewRow(_tell(preview_calendar(calendar, read_clock()))).data)


def _scope(view: ApiView) -> Any:
    return scope_rows(view.caller, Calendar.objects.select_related("project", "current"))


def _find(view: ApiView, calendar_id: int, right: Right = Right.VIEW) -> Calendar:
    """Return a calendar of a project of the caller's, in which they may do this.

    Raises: CalendarNotFound, RightMissing, ScopeMissing.
    """
    calendar: Calendar | None = _scope(view).filter(pk=calendar_id).first()
    if calendar is None:
        raise CalendarNotFound(calendar_id)
    require(view.caller, calendar.project, right)
    return calendar


def _tell(preview: CalendarPreview) -> dict[str, Any]:
    return {
        "now": preview.now,
        "days": [
            {
                "date": day.on,
                "open": [{"begins": begins, "ends": ends} for begins, ends in day.open],
                "open_seconds": day.open_for.total_seconds(),
                "name": day.name,
                "is_special": day.is_special,
                "clocks_forward_seconds": day.shift.total_seconds(),
            }
            for day in preview.days
        ],
        "reaches": [
            {"business_seconds": length.total_seconds(), "until": until} for length, until in preview.reaches
        ],
    }
