"""Figures about tickets: counted by the hour, kept, added up, and looked ahead from.

Nothing here is the truth: tickets, breaches and attempts are. An hour is counted anew at will, with the same result.
`measuring.py` counts an hour in one statement, `folding.py` keeps past hours up to date, `reading.py` adds up a period
with the current hour live. `present.py` looks at this moment, `foreseeing.py` at what it means for a new ticket and
`throttling.py` for what would make more of them;
`board.py` puts all of it together.
"""

from escalation.figures.board import PARTS, Board, build_board, summarise_board
from escalation.figures.folding import fold_hours, rebuild
from escalation.figures.foreseeing import foresee_tickets
from escalation.figures.present import AGES, QueueNow, look_at_desk
from escalation.figures.reading import Period, Reading, read_figures
from escalation.figures.throttling import find_hold_backs

__all__ = [
    "AGES",
    "PARTS",
    "Board",
    "Period",
    "QueueNow",
    "Reading",
    "build_board",
    "find_hold_backs",
    "fold_hours",
    "foresee_tickets",
    "look_at_desk",
    "read_figures",
    "rebuild",
    "summarise_board",
]
