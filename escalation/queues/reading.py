"""What the rows of queues say, as values for `domain/`."""

from datetime import timedelta

from django.db.models import Case, Value, When

from escalation.conf import get_conf
from escalation.domain.routing import MOST_RULES, Rule
from escalation.domain.sla import AUDIT, FALLBACK_CLASS, SlaClass, find_class
from escalation.models import DEFAULT_QUEUE, ReviewQueue, RoutingRule, SlaTarget


def read_rules(project_id: int) -> list[Rule]:
    """Return a project's routing rules in their order. The ids break ties, so that the order is always one."""
    rows = RoutingRule.objects.filter(project_id=project_id).order_by("position", "pk")
    return [read_rule(row) for row in rows[:MOST_RULES]]


def list_beside(row: RoutingRule) -> list[RoutingRule]:
    """Return the other rules of the same project at the position of one, in the order in which they are tried."""
    same = RoutingRule.objects.filter(project=row.project_id, position=row.position)
    return list(same.exclude(pk=row.pk).order_by("pk"))


def read_rule(row: RoutingRule) -> Rule:
    """Return one rule, saved or not."""
    return Rule(
        label=str(row),
        queue_id=row.queue_id,
        workflow=row.workflow,
        step=row.step,
        agent=row.agent,
        rule=row.rule,
        confidence_from=row.confidence_from,
        confidence_to=row.confidence_to,
        expression=row.expression,
        tags=tuple(row.tags),
    )


def find_queue_id(project_id: int, sla: str, chosen_id: int | None = None) -> int | None:
    """Return the queue for a ticket: the chosen one if it is the project's, else named like the class, else `default`.

    Returns: None when the project has none of them.
    """
    order = Case(
        When(pk=chosen_id, then=Value(0)),
        When(slug=sla, then=Value(1)),
        default=Value(2),
    )
    of_project = ReviewQueue.objects.filter(project_id=project_id)
    by_name = of_project.filter(slug__in=(sla, DEFAULT_QUEUE))
    rows = by_name | of_project.filter(pk=chosen_id) if chosen_id is not None else by_name
    return rows.order_by(order).values_list("pk", flat=True).first()


def read_target(queue_id: int, sla: str) -> SlaClass:
    """Return the clocks of an SLA class in a queue: its row, else the settings'; else those of `internal`."""
    rows = SlaTarget.objects.filter(queue=queue_id, sla__in=(sla, FALLBACK_CLASS))
    own = {
        row.sla: SlaClass(
            row.sla, timedelta(seconds=row.first_touch_seconds), timedelta(seconds=row.resolution_seconds)
        )
        for row in rows
    }
    return find_class(sla, {AUDIT.name: AUDIT, **get_conf().sla_classes, **own})
