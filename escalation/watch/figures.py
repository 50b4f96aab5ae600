"""Keeps the figures of past hours up to date, and foresees what becomes of new tickets."""

from escalation import figures


def fold_figures() -> None:
    """Count the hours that ended or of which more became known."""
    figures.fold_hours()


def foresee_new_tickets() -> None:
    """Write down when new tickets will be decided at the present pace."""
    figures.foresee_tickets()
