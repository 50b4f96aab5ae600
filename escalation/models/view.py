"""Views of the inbox that people keep for themselves."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class SavedView(models.Model):
    """Filters of the inbox under a name of one's own. It holds what is asked for, never a right to see it."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=1000, help_text="The filters, as the inbox's address holds them.")

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=("person", "name"), name="view_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="view_is_named"),
        )

    def __str__(self) -> str:
        """Return the name."""
        return self.name
