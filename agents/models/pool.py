"""Pools: named limits on what runs at once, and who holds how much of them."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from agents.domain.contract import MAX_POOL_NAME_LENGTH, MAX_SLOTS


class Pool(models.Model):
    """A named number of slots: a GPU, a licence, a provider's limit."""

    name = models.CharField(primary_key=True, max_length=MAX_POOL_NAME_LENGTH)
    size = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(MAX_SLOTS)],
        help_text="Slots, as a person set them. Empty: as RINGMASTER['POOLS'] says, else 1. "
        "Fewer than are held evicts nobody.",
    )

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=Q(size__isnull=True) | Q(size__lte=MAX_SLOTS), name="pool_size_sane"
            ),
        )

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class PoolSlot(models.Model):
    """What one claim holds of a pool. It goes with its claim: given back when the claim ends, however it ends."""

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="slots")
    token = models.UUIDField(help_text="The claim's.")
    step = models.BigIntegerField(help_text="The step that is claimed.")
    amount = models.PositiveIntegerField()
    holder = models.CharField(max_length=250, default="", help_text="Run and step, in words.")
    taken_at = models.DateTimeField()

    class Meta:
        ordering = ("taken_at", "id")
        constraints = (
            models.UniqueConstraint(fields=("token", "pool"), name="pool_slot_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="pool_slot_holds_something"),
        )

    def __str__(self) -> str:
        """Return how much of what."""
        return f"{self.amount} of {self.pool_id}"
