"""The row of what one attempt used; written once, with the attempt's end."""

from decimal import Decimal

from django.db import models

from orchestration.usage.amounts import Used


class Amount(models.DecimalField[Decimal | None, Decimal | None]):
    """A number as precise as it was said: the receipt has its very digits."""

    def db_type(self, connection: object) -> str:  # noqa: ARG002 - Django's own word
        """Return PostgreSQL's type without a scale."""
        return "numeric"


class Usage(models.Model):
    """What an attempt's agent used, as it said; an agent that says nothing has no row."""

    attempt = models.OneToOneField("orchestration.Attempt", on_delete=models.CASCADE, related_name="usage")
    step = models.ForeignKey(
        "orchestration.Step", on_delete=models.CASCADE, related_name="usages", db_constraint=False
    )
    run = models.ForeignKey(
        "orchestration.Run", on_delete=models.CASCADE, related_name="usages", db_constraint=False
    )
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    cost_usd = Amount(null=True, max_digits=21, decimal_places=12, help_text="In US dollars.")
    at = models.DateTimeField(help_text="The end of the attempt.")

    def __str__(self) -> str:
        """Return what was used."""
        return self.used.json

    @property
    def used(self) -> Used:
        """Return what was used, as a value."""
        return Used(self.input_tokens, self.output_tokens, self.cost_usd)
