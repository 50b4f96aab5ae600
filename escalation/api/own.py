"""What callers set for themselves: how they are told, and views of the inbox."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError as ModelInvalid
from django.forms import model_to_dict
from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.queue_clocks import name_queue
from escalation.api.queue_people import refuse_unknown, say_unknown
from escalation.conf import get_conf
from escalation.domain.inbox import InboxQuery, InboxState, read_query
from escalation.domain.reaching import MOST_DIGEST_MINUTES
from escalation.models import MOST_LEVELS, Preference, ReviewQueue, SavedView
from escalation.people import forget_view, keep_view, list_preferences, save_preferences
from escalation.selectors import find_queues
from orchestration.api.base import ApiView, Body
from orchestration.api.bodies import Text, TruthValue, WholeNumber
from orchestration.domain.rights import Right

_MOST_LINES = 200


class PreferenceLine(Body):
    """How somebody wants to be told about a review queue, or about all others."""

    queue = Text(
        max_length=201,
        allow_null=True,
        help_text="As `project/slug`; null: everything that has no line of its own.",
    )
    is_off = TruthValue(required=False, default=False, help_text="Nothing is told.")
    channels = serializers.ListField(
        child=Text(max_length=60),
        required=False,
        default=list,
        max_length=50,
        help_text="By name; none: mail, if this installation has it.",
    )
    from_level = WholeNumber(
        min_value=0,
        max_value=MOST_LEVELS,
        required=False,
        default=0,
        help_text="Of escalation levels, only this and higher ones.",
    )
    time_zone = Text(max_length=64, required=False, default="UTC", help_text="Of the quiet hours.")
    quiet_from = serializers.TimeField(required=False, allow_null=True, default=None)
    quiet_until = serializers.TimeField(required=False, allow_null=True, default=None)
    digest_minutes = WholeNumber(
        min_value=0,
        max_value=MOST_DIGEST_MINUTES,
        required=False,
        default=0,
        help_text="What comes within so long comes in one message; 0: each by itself.",
    )
    urgent_level = WholeNumber(
        min_value=0,
        max_value=MOST_LEVELS,
        required=False,
        allow_null=True,
        default=None,
        help_text="From this level on, at once and at any hour; null: never.",
    )


class PreferencesBody(Body):
    """All lines of one's own."""

    preferences = serializers.ListField(child=PreferenceLine(), max_length=_MOST_LINES)


class OwnPreferences(ApiView):
    """How one is told."""

    rights: ClassVar[dict[str, Right]] = {"PUT": Right.REVIEW}

    @extend_schema(operation_id="list_own_preferences", responses=PreferencesBody)
    def get(self, _request: Request) -> Response:
        """Show how you are told: over which channels, when not, and what together."""
        lines = [
            {
                **model_to_dict(row, exclude=("id", "user", "queue")),
                "queue": name_queue(row.queue) if row.queue else None,
            }
            for row in list_preferences(self.person)
        ]
        return Response(PreferencesBody({"preferences": lines}).data)

    @extend_schema(operation_id="change_own_preferences", request=PreferencesBody, responses=PreferencesBody)
    def put(self, request: Request) -> Response:
        """Change how you are told: what is left out is gone. Without a line you get mail at once."""
        lines = self.read_body(PreferencesBody)["preferences"]
        queues = self._find_queues(lines)
        refuse_unknown("preferences", _find_faults(lines, queues, self._list_channels()))
        rows = [
            Preference(user=self.person, **{**line, "queue": queues.get(line["queue"])}) for line in lines
        ]
        refuse_unknown("preferences", _find_row_faults(rows))
        save_preferences(self.person, rows)
        return self.get(request)

    def _find_queues(self, lines: list[dict[str, Any]]) -> dict[str | None, ReviewQueue]:
        slugs = {line["queue"].rpartition("/")[2] for line in lines if line["queue"]}
        known = find_queues(self.caller).filter(slug__in=slugs).select_related("project")
        return {name_queue(queue): queue for queue in known}

    def _list_channels(self) -> set[str]:
        """Return the channels that are for people, and what was chosen before."""
        offered = {name for name, channel in get_conf().channels.items() if channel.for_people}
        return offered.union(*(row.channels for row in list_preferences(self.person)))


def _find_faults(lines: list[dict[str, Any]], queues: Any, channels: set[str]) -> dict[int, dict[str, str]]:
    faults: dict[int, dict[str, str]] = {}
    seen: set[str | None] = set()
    for number, line in enumerate(lines):
        unknown = [name for name in line["channels"] if name not in channels]
        if line["queue"] is not None and line["queue"] not in queues:
            faults[number] = {"queue": f"{say_unknown('queue', line['queue'])}; write project/slug"}
        elif line["queue"] in seen:
            faults[number] = {"queue": "there are two lines about this; keep one of them"}
        elif unknown:
            listed = ", ".join(sorted(channels)) or "none"
            faults[number] = {
                "channels": f"there is no channel '{unknown[0]}' for people; known are: {listed}"
            }
        seen.add(line["queue"])
    return faults


def _find_row_faults(rows: list[Preference]) -> dict[int, Any]:
    faults = {}
    for number, row in enumerate(rows):
        try:
            row.clean()
        except ModelInvalid as error:
            faults[number] = error.message_dict
    return faults


class FiltersBody(Body):
    """Filters of the inbox; what is left out narrows nothing."""

    state = serializers.ChoiceField([state.value for state in InboxState], required=False)
    search = Text(max_length=200, required=False)
    queue = WholeNumber(min_value=1, max_value=2**63 - 1, required=False, help_text="Its number.")
    workflow = Text(max_length=100, required=False)
    agent = Text(max_length=200, required=False)
    rule = Text(max_length=60, required=False)
    tag = Text(max_length=40, required=False)
    sla = Text(max_length=100, required=False)


class ViewBody(Body):
    """A view to be kept."""

    name = Text(max_length=40)
    filters = FiltersBody()


class ViewRow(serializers.Serializer[Any]):
    """A view of the inbox of one's own."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(read_only=True)
    filters = FiltersBody(read_only=True)
    address = serializers.CharField(read_only=True, help_text="The query of the inbox's page.")

    def to_representation(self, instance: SavedView) -> dict[str, Any]:
        """Return the view with its filters by name."""
        query = read_query(QueryDict(instance.query))
        filters: dict[str, Any] = dict(query.narrowed)
        if "queue" in filters:
            filters["queue"] = int(filters["queue"])
        state = {} if query.state is InboxState.OPEN else {"state": query.state.value}
        return {
            "id": instance.pk,
            "name": instance.name,
            "filters": {**state, **filters},
            "address": instance.query,
        }


class OwnViews(ApiView):
    """Views of one's own."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.REVIEW}
    queryset = SavedView.objects.none()
    order: ClassVar[tuple[str, ...]] = ("name", "pk")

    @extend_schema(operation_id="list_own_views", responses=ViewRow(many=True))
    def get(self, _request: Request) -> Response:
        """List the views of the inbox that you have kept, by name."""
        return self.show_page(SavedView.objects.filter(person=self.person.pk), ViewRow)

    @extend_schema(operation_id="keep_own_view", request=ViewBody, responses=ViewRow)
    def post(self, _request: Request) -> Response:
        """Keep filters of the inbox under a name of yours; the same name again holds the new ones."""
        body = self.read_body(ViewBody)
        asked = {name: str(value) for name, value in body["filters"].items()}
        query = InboxQuery(state=InboxState(asked.pop("state", InboxState.OPEN)), **asked)  # type: ignore[arg-type]
        return Response(ViewRow(keep_view(self.person, body["name"], query)).data)


class OwnView(ApiView):
    """One of them."""

    rights: ClassVar[dict[str, Right]] = {"DELETE": Right.REVIEW}

    @extend_schema(operation_id="forget_own_view", request=None, responses={204: None})
    def delete(self, _request: Request, view_id: int) -> Response:
        """Remove a view of yours; its tickets stay where they are."""
        if not forget_view(self.person, view_id):
            raise NotFound("you have no such view; /me/views lists yours")
        return Response(status=204)
