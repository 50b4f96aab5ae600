"""What runs and steps may use, and what is reserved, spent and lost of it: a row for each unit that has a limit.

`rows.py` keeps the pots, `reading.py` finds those above a step and sums what calls say, `booking.py` has the parts of
statements that move amounts. Writes go through `orchestration/transitions/budget.py`; docs/adr/0041 says why.
"""

from orchestration.budgets.booking import book
from orchestration.budgets.reading import find_asked, list_pots, load_path, sum_by_step

__all__ = ["book", "find_asked", "list_pots", "load_path", "sum_by_step"]
