"""The models that tests put in the place of those of the settings, by name."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

_LOCK: Final = threading.Lock()
_LAYERS: Final[list[Mapping[str, Any]]] = []


@contextmanager
def override_models(models: Mapping[str, Any]) -> Iterator[None]:
    """Let scripts, or models of pydantic-ai, answer for these names, in every thread, until the block ends."""
    layer = dict(models)
    with _LOCK:
        _LAYERS.append(layer)
    try:
        yield
    finally:
        with _LOCK:
            _LAYERS[:] = [other for other in _LAYERS if other is not layer]


def find_override(name: str) -> Any | None:
    """Return what answers for a name in a test; the latest block counts."""
    return next((layer[name] for layer in reversed(_LAYERS) if name in layer), None)
