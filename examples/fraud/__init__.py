"""Card payments checked by agents that look at them from two sides, score them, and leave the grey zone to people.

In reading order: `workflows.py` -> `agents.py` -> `books.py` (payments and who made them) -> `signs.py` (what one
payment shows) and `habits.py` (how it fits its maker) -> `scoring.py` -> `verdicts.py` -> `cards.py` (blocking).
"""
