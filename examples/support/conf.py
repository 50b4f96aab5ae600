"""Where the support desk keeps its files; `settings.RINGMASTER` overrides by name, read at call time."""

from pathlib import Path
from typing import Final

from django.conf import settings

from config import env

DATA_DIR: Final = Path(__file__).resolve().parent / "data"
RINGMASTER_NAMES: Final = ("SUPPORT_MODELS_DIR",)
"""What this app reads from `settings.RINGMASTER`; `manage.py check` warns of names that no app reads."""


def models_dir() -> Path:
    """Return the folder of the trained classifiers (SUPPORT_MODELS_DIR), outside the source tree."""
    chosen = getattr(settings, "RINGMASTER", {}).get("SUPPORT_MODELS_DIR")
    return Path(chosen).absolute() if chosen else env.state_dir() / "support"
