"""What the clocks of a review queue set off: levels, actions at missed deadlines; and why its tickets are put off."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from escalation.api.queue_parts import MOST_LINES, QueueParts, find_queue
from escalation.api.queue_people import find_named_groups, refuse_unknown, say_unknown
from escalation.domain.clocks import CLOSING, BreachStep
from escalation.domain.desk_rights import DeskRight
from escalation.domain.states import DeadlineKind
from escalation.models import MOST_LEVELS, BreachAction, EscalationLevel, ReviewQueue
from escalation.selectors import find_queues
from orchestration.api.base import Body
from orchestration.api.bodies import Text, TruthValue, WholeNumber

_MOST_MINUTES = 10_080


class LevelLine(Body):
    """Who is told once so much of the time to decide is used."""

    level = WholeNumber(min_value=1, max_value=MOST_LEVELS)
    after_percent = WholeNumber(
        min_value=1, max_value=1_000, help_text="Of the time to decide, in business time; 100: at the breach."
    )
    repeat_minutes = WholeNumber(
        min_value=1,
        max_value=_MOST_MINUTES,
        required=False,
        allow_null=True,
        default=None,
        help_text="Again after each so many minutes of business time; null: once.",
    )
    claimed_minutes = WholeNumber(
        min_value=1,
        max_value=_MOST_MINUTES,
        required=False,
        allow_null=True,
        default=None,
        help_text="Also when somebody looked at it so long ago and it is not decided; null: not then.",
    )
    groups = serializers.ListField(
        child=Text(max_length=150), allow_empty=False, max_length=50, help_text="Their members are told."
    )


class ActionLine(Body):
    """One thing that a queue does by itself at a missed deadline; none of them approves anything."""

    deadline = serializers.ChoiceField([kind.value for kind in DeadlineKind])
    action = serializers.ChoiceField([step.value for step in BreachStep], source="step")
    to_queue = Text(
        max_length=201,
        required=False,
        allow_null=True,
        default=None,
        help_text="With reroute: the queue as `project/slug`; the ticket keeps its due time.",
    )
    to_group = Text(
        max_length=150,
        required=False,
        allow_null=True,
        default=None,
        help_text="With widen: whose members may decide the ticket, too.",
    )


class SnoozeLine(Body):
    """A reason to put a ticket off until later."""

    code = serializers.SlugField(max_length=50)
    label = Text(max_length=200)  # type: ignore[assignment]
    stops_clock = TruthValue(
        required=False,
        default=False,
        help_text="Meanwhile the clocks stand still, e.g. as the customer has to answer.",
    )


class LevelsBody(Body):
    """All escalation levels of a queue."""

    levels = serializers.ListField(child=LevelLine(), max_length=MOST_LEVELS)


class ActionsBody(Body):
    """All that a queue does by itself at missed deadlines."""

    breach_actions = serializers.ListField(child=ActionLine(), max_length=MOST_LINES)


class SnoozesBody(Body):
    """All reasons of a queue to put tickets off."""

    snooze_reasons = serializers.ListField(child=SnoozeLine(), max_length=MOST_LINES)


class QueueLevels(QueueParts):
    """Who is told when a ticket waits too long."""

    part: ClassVar[str] = "levels"
    keys: ClassVar[tuple[str, ...]] = ("level",)
    body: ClassVar[type[Body]] = LevelsBody

    @extend_schema(operation_id="list_queue_levels", responses=LevelsBody)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show who is told when a ticket of a review queue waits too long."""
        return self.show(find_queue(self.caller, project, queue))

    @extend_schema(operation_id="change_queue_levels", request=LevelsBody, responses=LevelsBody)
    def put(self, _request: Request, project: str, queue: str) -> Response:
        """Change who is told when a ticket of a review queue waits too long: what is left out is gone."""
        return self.change(project, queue)

    def make_rows(self, queue: ReviewQueue, lines: list[dict[str, Any]]) -> list[Any]:
        """Return the levels without their groups."""
        known = find_named_groups(self.caller, {name for line in lines for name in line["groups"]})
        refuse_unknown(
            self.part,
            {
                number: {"groups": {str(place): say_unknown("group", name)}}
                for number, line in enumerate(lines)
                for place, name in enumerate(line["groups"])
                if name not in known
            },
        )
        return [
            EscalationLevel(queue=queue, **{name: value for name, value in line.items() if name != "groups"})
            for line in lines
        ]

    def keep_rows(self, rows: list[Any], lines: list[dict[str, Any]]) -> None:
        """Save levels with their groups."""
        super().keep_rows(rows, lines)
        known = find_named_groups(self.caller, {name for line in lines for name in line["groups"]})
        for row, line in zip(rows, lines, strict=True):
            row.groups.set([known[name] for name in line["groups"]])

    def tell_row(self, row: Any) -> Any:
        """Return a level with the names of its groups."""
        minutes = {name: getattr(row, name) for name in ("repeat_minutes", "claimed_minutes")}
        groups = sorted(group.name for group in row.groups.all())
        return {"level": row.level, "after_percent": row.after_percent, **minutes, "groups": groups}

    def rows_of(self, queue: ReviewQueue) -> Any:
        """Return the levels with their groups."""
        return queue.levels.prefetch_related("groups")


class QueueActions(QueueParts):
    """What a queue does by itself at missed deadlines."""

    part: ClassVar[str] = "breach_actions"
    keys: ClassVar[tuple[str, ...]] = ("deadline", "step")
    body: ClassVar[type[Body]] = ActionsBody

    @extend_schema(operation_id="list_queue_actions", responses=ActionsBody)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show what a review queue does by itself when a deadline is missed."""
        return self.show(find_queue(self.caller, project, queue))

    @extend_schema(operation_id="change_queue_actions", request=ActionsBody, responses=ActionsBody)
    def put(self, _request: Request, project: str, queue: str) -> Response:
        """Change what a review queue does by itself when a deadline is missed: what is left out is gone."""
        return self.change(project, queue)

    def make_rows(self, queue: ReviewQueue, lines: list[dict[str, Any]]) -> list[Any]:
        """Return the actions, to queues that the caller manages and groups that they know."""
        queues = self._find_queues({line["to_queue"] for line in lines if line["to_queue"]})
        groups = find_named_groups(self.caller, {line["to_group"] for line in lines if line["to_group"]})
        refuse_unknown(self.part, dict(_list_faults(lines, queues, groups)))
        return [
            BreachAction(
                queue=queue,
                deadline=line["deadline"],
                step=line["step"],
                to_queue=queues.get(line["to_queue"]),
                to_group=groups.get(line["to_group"]),
            )
            for line in lines
        ]

    def _find_queues(self, names: set[str]) -> dict[str, ReviewQueue]:
        slugs = {name.rpartition("/")[2] for name in names}
        managed = find_queues(self.caller, DeskRight.MANAGE).filter(slug__in=slugs).select_related("project")
        found = {name_queue(queue): queue for queue in managed}
        return {name: found[name] for name in names if name in found}

    def tell_row(self, row: Any) -> Any:
        """Return an action with the names of where it leads."""
        return {
            "deadline": row.deadline,
            "step": row.step,
            "to_queue": name_queue(row.to_queue) if row.to_queue else None,
            "to_group": row.to_group.name if row.to_group else None,
        }

    def rows_of(self, queue: ReviewQueue) -> Any:
        """Return the actions with where they lead."""
        return queue.breach_actions.select_related("to_queue__project", "to_group")


class QueueSnoozes(QueueParts):
    """Why tickets are put off."""

    part: ClassVar[str] = "snooze_reasons"
    keys: ClassVar[tuple[str, ...]] = ("code",)
    body: ClassVar[type[Body]] = SnoozesBody

    @extend_schema(operation_id="list_queue_snooze_reasons", responses=SnoozesBody)
    def get(self, _request: Request, project: str, queue: str) -> Response:
        """Show the reasons for which tickets of a review queue are put off until later."""
        return self.show(find_queue(self.caller, project, queue))

    @extend_schema(operation_id="change_queue_snooze_reasons", request=SnoozesBody, responses=SnoozesBody)
    def put(self, _request: Request, project: str, queue: str) -> Response:
        """Change the reasons for which tickets of a review queue are put off: what is left out is gone."""
        return self.change(project, queue)


def name_queue(queue: ReviewQueue) -> str:
    """Return a queue as it is named outside its project."""
    return f"{queue.project.slug}/{queue.slug}"


def _list_faults(lines: list[dict[str, Any]], queues: Any, groups: Any) -> Any:
    """Yield the number of each line at fault, and what is wrong with which of its fields."""
    closed: set[str] = set()
    for number, line in enumerate(lines):
        if line["to_queue"] and line["to_queue"] not in queues:
            yield (
                number,
                {"to_queue": f"{say_unknown('queue', line['to_queue'])} that you manage; write project/slug"},
            )
        elif line["to_group"] and line["to_group"] not in groups:
            yield number, {"to_group": say_unknown("group", line["to_group"])}
        elif line["step"] in CLOSING and line["deadline"] in closed:
            yield (
                number,
                {"action": f"only one of {' and '.join(CLOSING)} can follow a missed {line['deadline']}"},
            )
        elif line["step"] in CLOSING:
            closed.add(line["deadline"])
