"""Who makes summaries: the function of `RINGMASTER["SUMMARISER"]`, and, where that gives nothing, our own.

Neither is imported before something must be shortened. Read next: `shortening.py`.
"""

from collections.abc import Callable
from typing import Any, Final

from django.utils.module_loading import import_string

from orchestration.conf import get_conf

EXTRACTIVE: Final = "sumy.luhn@0.13+2"
"""Name and version of our own summariser, which says nothing but sentences of the original."""
_OWN: Final = "orchestration.handoff.summary.summarise_extractively"

Summarise = Callable[[Any, int], tuple[str, str]]
"""Takes a JSON value and a number of tokens; returns a text and the summariser's name with its version."""


def is_own() -> bool:
    """Return whether summaries are made by our own function."""
    return get_conf().SUMMARISER == _OWN


def name_function() -> str:
    """Return what summaries of the configured function are kept under: its path, and its attribute `version`."""
    if is_own():
        return EXTRACTIVE
    path = get_conf().SUMMARISER
    try:
        return f"{path}@{getattr(load_function(), 'version', 1)}"[:200]
    except ImportError:  # told when it is asked
        return path[:200]


def load_function() -> Summarise:
    """Return the configured function."""
    function: Summarise = import_string(get_conf().SUMMARISER)
    return function


def load_own() -> Summarise:
    """Return our own function."""
    function: Summarise = import_string(_OWN)
    return function
