"""What was paid back: a row per call that did it."""

from django.db import models


class Refund(models.Model):
    """Money that went back to a customer. The key is unique: however often a call is tried, it pays once."""

    idempotency_key = models.CharField(max_length=500, unique=True)
    run_id = models.CharField(max_length=50, db_index=True)
    order = models.CharField(max_length=20, db_index=True)
    customer = models.CharField(max_length=100)
    euro = models.DecimalField(max_digits=8, decimal_places=2)
    reason = models.CharField(max_length=300)
    # Whether a person was asked; up to a limit nobody is.
    is_approved = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(euro__gt=0), name="assistant_refund_above_zero")
        ]

    def __str__(self) -> str:
        return f"{self.euro} euro of order {self.order}"
