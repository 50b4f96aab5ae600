"""Figures about tickets: counted by the hour, kept, added up, and looked ahead from.

Nothing here is the truth: tickets, breaches and attempts are. An hour is counted anew at will, with the same result.
`measuring.py` counts an hour in one statement, `folding.py` keeps past hours up to date, `reading.py` adds up a period
with the current hour live.
"""

from escalation.figures.folding import fold_hours, rebuild
from escalation.figures.reading import Period, Reading, read_figures

__all__ = ["Period", "Reading", "fold_hours", "read_figures", "rebuild"]
