"""What the search of the inbox finds tickets by."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from escalation.models.clock import ClockTimestamp


class TicketWords(models.Model):
    """The words of a ticket's input and proposal, written after the commit by `watch/words.py`.

    A ticket without its row is found by its number alone, and listed like any other.
    """

    ticket = models.OneToOneField(
        "Ticket", on_delete=models.DO_NOTHING, primary_key=True, related_name="+", db_constraint=False
    )
    words = SearchVectorField(help_text="Of the configuration `simple`: no language is guessed.")
    codes = models.TextField(help_text="The words with a digit in them, in lower case, for parts of numbers.")
    is_cut = models.BooleanField(help_text="Only the beginning was read.")
    is_readable = models.BooleanField(help_text="False: nothing could be read, and nothing is found.")
    written_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        # `codes` has an index of trigrams, where the server lets us have one: migration 0017.
        indexes = (GinIndex(fields=("words",), name="words_of_ticket"),)

    def __str__(self) -> str:
        """Return whose words."""
        return f"words of ticket {self.ticket_id}"


class WordsPlace(models.Model):
    """How far the words are written: one row.

    Everything that the snapshot shows has its words, but for tickets older than `older_than`, which are read in idle
    sweeps, the newest first.
    """

    only = models.BooleanField(primary_key=True, default=True)
    snapshot = models.TextField(help_text="Of PostgreSQL, at the sweep that left nothing behind.")
    older_than = models.BigIntegerField(help_text="A ticket's number; 0 when all are read.")

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(only=True), name="words_place_is_one"),)

    def __str__(self) -> str:
        """Return the snapshot."""
        return self.snapshot
