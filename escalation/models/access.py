"""Who may enter a review queue, beside the members of its project."""

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q

from escalation.domain.desk_rights import DeskRole
from escalation.models.queue import ReviewQueue


class QueueRole(models.Model):
    """What the members of a Django group may do at a review queue. Members of its project may need none."""

    queue = models.ForeignKey(ReviewQueue, on_delete=models.CASCADE, related_name="roles")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="queue_roles")
    role = models.CharField(max_length=12, choices=[(r.value, r.value.replace("_", " ")) for r in DeskRole])

    class Meta:
        ordering = ("queue", "group", "role")
        constraints = (
            models.UniqueConstraint(fields=("queue", "group", "role"), name="queue_role_once"),
            models.CheckConstraint(condition=Q(role__in=list(DeskRole)), name="queue_role_known"),
        )

    def __str__(self) -> str:
        """Return who is what where."""
        return f"{self.group} is {self.get_role_display()} of {self.queue}"
