"""Where the fraud desk finds its payments; `settings.RINGMASTER` overrides by name, read at call time."""

from pathlib import Path
from typing import Final

from django.conf import settings

OWN_BOOKS: Final = Path(__file__).resolve().parent / "data"
RINGMASTER_NAMES: Final = ("FRAUD_BOOKS_DIR",)
"""What this app reads from `settings.RINGMASTER`; `manage.py check` warns of names that no app reads."""


def books_dir() -> Path:
    """Return the folder of `books.json` and `payments.jsonl` (FRAUD_BOOKS_DIR), which every worker must read."""
    chosen = getattr(settings, "RINGMASTER", {}).get("FRAUD_BOOKS_DIR")
    return Path(chosen).absolute() if chosen else OWN_BOOKS
