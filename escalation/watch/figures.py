"""Keeps the figures of past hours up to date."""

from escalation import figures


def fold_figures() -> None:
    """Count the hours that ended or of which more became known."""
    figures.fold_hours()
