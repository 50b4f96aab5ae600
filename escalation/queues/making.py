"""Making a review queue: its row, and its first targets."""

from django.db import IntegrityError, transaction

from escalation.conf import get_conf
from escalation.models import DEFAULT_QUEUE, ReviewQueue, SlaTarget


def make_queue(project_id: int, slug: str, name: str) -> ReviewQueue:
    """Make a queue with the targets of the settings; from then on its own rows count.

    Raises: django.db.IntegrityError: the project has a queue of this slug.
    """
    with transaction.atomic():
        queue = ReviewQueue.objects.create(project_id=project_id, slug=slug, name=name)
        give_first_targets(queue)
    return queue


def give_first_targets(queue: ReviewQueue) -> None:
    """Write down for a queue the SLA classes of the settings that it has no row of."""
    SlaTarget.objects.bulk_create(
        [
            SlaTarget(
                queue=queue,
                sla=sla.name,
                first_touch_seconds=sla.first_touch.total_seconds(),
                resolution_seconds=sla.resolution.total_seconds(),
            )
            for sla in get_conf().sla_classes.values()
        ],
        ignore_conflicts=True,
    )


def find_or_make_default(project_id: int) -> ReviewQueue:
    """Return the project's default queue, made if it is missing."""
    own = ReviewQueue.objects.filter(project_id=project_id, slug=DEFAULT_QUEUE)
    found = own.first()
    if found is not None:
        return found
    try:
        return make_queue(project_id, DEFAULT_QUEUE, "Default")
    except IntegrityError:  # somebody else made it meanwhile
        return own.get()
