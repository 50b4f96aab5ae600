"""Where the research desk finds its documents; `settings.RINGMASTER` overrides by name, read at call time."""

from pathlib import Path
from typing import Final

from django.conf import settings

OWN_LIBRARY: Final = Path(__file__).resolve().parent / "documents"
RINGMASTER_NAMES: Final = ("RESEARCH_LIBRARY_DIR",)
"""What this app reads from `settings.RINGMASTER`; `manage.py check` warns of names that no app reads."""


def library_dir() -> Path:
    """Return the folder of documents (RESEARCH_LIBRARY_DIR), which every worker must be able to read."""
    chosen = getattr(settings, "RINGMASTER", {}).get("RESEARCH_LIBRARY_DIR")
    return Path(chosen).absolute() if chosen else OWN_LIBRARY
