"""Tries to sign in, as far as the brake has to remember them."""

from django.db import models
from django.db.models.functions import Now


class SignInTry(models.Model):
    """One try that was not followed by a success. Written before the password is looked at; see `sign_in.py`."""

    person = models.CharField(
        max_length=64, help_text="Keyed hash of the name: people type passwords there too."
    )
    address = models.CharField(max_length=64)
    tried_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = (
            models.Index(fields=("address", "tried_at"), name="sign_in_try_address"),
            models.Index(fields=("tried_at",), name="sign_in_try_at"),
        )

    def __str__(self) -> str:
        """Return where it came from."""
        return f"try from {self.address}"
