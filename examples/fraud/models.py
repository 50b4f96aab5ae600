"""What the fraud desk did, a row per idempotency key, and the switch of the service that stands for an outside one."""

from django.db import models


class CardAction(models.Model):
    """A card was blocked or unblocked. A card is blocked while any run's block has no unblock of the same run."""

    class Kind(models.TextChoices):
        """What was done."""

        BLOCK = "block", "Blocked"
        UNBLOCK = "unblock", "Unblocked"

    idempotency_key = models.CharField(max_length=200, unique=True)
    run_id = models.CharField(max_length=50)
    card = models.CharField(max_length=50, db_index=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.card} {self.kind}"


class Case(models.Model):
    """A payment that was found to be fraud."""

    idempotency_key = models.CharField(max_length=200, unique=True)
    run_id = models.CharField(max_length=50)
    payment = models.CharField(max_length=50)
    score = models.FloatField()
    reasons = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.payment} ({self.score:.2f})"


class ServiceSwitch(models.Model):
    """A row is there while the reputation service is switched off."""

    switched_off_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "service switches"

    def __str__(self) -> str:
        return f"off since {self.switched_off_at:%H:%M:%S}"

    @classmethod
    def is_down(cls) -> bool:
        """Tell whether somebody switched the service off."""
        return cls.objects.exists()


class ServiceCall(models.Model):
    """A call that reached the reputation service, as its own log."""

    payment = models.CharField(max_length=50)
    was_answered = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.payment}: {'answered' if self.was_answered else 'no answer'}"
