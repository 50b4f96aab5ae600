"""Who works at a review queue, and over which channels its team is told what. Each list is changed as a whole."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.contrib.auth.models import Group
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.queue_parts import MOST_LINES, QueueParts, find_queue
from escalation.conf import get_conf
from escalation.domain.desk_rights import DeskRole
from escalation.domain.notices import HAPPENING_WORDS, TOLD_TO_QUEUES
from escalation.models import MOST_LEVELS, QueueChannel, QueueRole, ReviewQueue
from escalation.selectors.channels import describe_team_channels
from escalation.selectors.colleagues import find_groups
from orchestration.api.base import Body
from orchestration.api.bodies import Text, WholeNumber


class MemberLine(Body):
    """What the members of a Django group are at a queue."""

    group = Text(max_length=150)
    role = serializers.ChoiceField([role.value for role in DeskRole])


class ChannelLine(Body):
    """A channel of the settings that a queue has chosen."""

    channel = Text(max_length=60, help_text="As RINGMASTER['CHANNELS'] names it.")
    happenings = serializers.ListField(
        child=serializers.ChoiceField([one.value for one in TOLD_TO_QUEUES]),
        required=False,
        default=list,
        max_length=len(TOLD_TO_QUEUES),
        help_text="What is told over it; empty: everything. "
        + "; ".join(f"{one}: {HAPPENING_WORDS[one]}" for one in TOLD_TO_QUEUES),
    )
    from_level = WholeNumber(
        min_value=0,
        max_value=MOST_LEVELS,
        required=False,
        default=0,
        help_text="Of escalation levels, only this and higher ones.",
    )


class MembersBody(Body):
    """All roles at a queue, beside those that roles in its project imply."""

    members = serializers.ListField(child=MemberLine(), max_length=MOST_LINES)


class ChannelsBody(Body):
    """All channels of a queue."""

    channels = serializers.ListField(child=ChannelLine(), max_length=MOST_LINES)


class ChannelsAnswer(ChannelsBody):
    """All channels of a queue, and what that means."""

    team_is_told = serializers.CharField(read_only=True, help_text="Over which channels, or that nobody is.")


class QueueMembers(QueueParts):
    """Who works at a queue."""

    part: ClassVar[str] = "members"
    related: ClassVar[str] = "roles"
    keys: ClassVar[tuple[str, ...]] = ("group", "role")
    body: ClassVar[type[Body]] = MembersBody

    @extend_schema(operation_id="list_queue_members", responses=MembersBody)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show which groups have which role at a review queue, beside the members of its project."""
        return self.show(find_queue(self.caller, project, queue))

    @extend_schema(operation_id="change_queue_members", request=MembersBody, responses=MembersBody)
    def put(self, _request: Request, project: str, queue: str) -> Response:
        """Change which groups have which role at a review queue: what is left out is gone, at once."""
        return self.change(project, queue)

    def make_rows(self, queue: ReviewQueue, lines: list[dict[str, Any]]) -> list[Any]:
        """Return the roles, of groups that the caller knows."""
        groups = find_named_groups(self.caller, {line["group"] for line in lines})
        refuse_unknown(
            self.part,
            {
                number: {"group": say_unknown("group", line["group"])}
                for number, line in enumerate(lines)
                if line["group"] not in groups
            },
        )
        return [QueueRole(queue=queue, group=groups[line["group"]], role=line["role"]) for line in lines]

    def tell_row(self, row: Any) -> Any:
        """Return a role with the group's name."""
        return {"group": row.group.name, "role": row.role}

    def rows_of(self, queue: ReviewQueue) -> Any:
        """Return the roles with their groups."""
        return queue.roles.select_related("group")


class QueueChannels(QueueParts):
    """How the team of a queue is told."""

    part: ClassVar[str] = "channels"
    keys: ClassVar[tuple[str, ...]] = ("channel",)
    body: ClassVar[type[Body]] = ChannelsBody

    @extend_schema(operation_id="list_queue_channels", responses=ChannelsAnswer)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show over which channels the team of a review queue is told what."""
        return self.show(find_queue(self.caller, project, queue))

    @extend_schema(operation_id="change_queue_channels", request=ChannelsBody, responses=ChannelsAnswer)
    def put(self, _request: Request, project: str, queue: str) -> Response:
        """Change over which channels the team of a review queue is told what: what is left out is gone."""
        return self.change(project, queue)

    def make_rows(self, queue: ReviewQueue, lines: list[dict[str, Any]]) -> list[Any]:
        """Return the channels, of those that the settings name and those that were chosen before."""
        known = {*get_conf().channels, *queue.channels.values_list("channel", flat=True)}
        listed = ", ".join(sorted(known)) or "none"
        refuse_unknown(
            self.part,
            {
                number: {"channel": f"RINGMASTER['CHANNELS'] has no such channel; known are: {listed}"}
                for number, line in enumerate(lines)
                if line["channel"] not in known
            },
        )
        return [QueueChannel(queue=queue, **line) for line in lines]

    def show(self, queue: ReviewQueue) -> Response:
        """Return the channels, and in words what they mean."""
        answer = super().show(queue)
        answer.data["team_is_told"] = describe_team_channels(queue)
        return answer


def find_named_groups(caller: Any, names: Iterable[str]) -> dict[str, Group]:
    """Return those of some groups that a caller may give a role, by name."""
    return {group.name: group for group in find_groups(caller).filter(name__in=set(names))}


def say_unknown(what: str, name: str) -> str:
    """Return the refusal of a name, the same whether there is such a thing or not."""
    return f"you know no {what} '{name[:80]}'"


def refuse_unknown(part: str, faults: Mapping[int, Any]) -> None:
    """Refuse lines that name what there is not, or not for the caller.

    Raises: ValidationError: names each line, from 0, and the field; does nothing without a fault.
    """
    if faults:
        raise serializers.ValidationError({part: {str(number): fault for number, fault in faults.items()}})
