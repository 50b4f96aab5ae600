"""What a listener has heard of answers that are being given, and has not taken yet: at most one piece for each call."""

import json
from dataclasses import asdict, replace

from agents.domain.deltas import Delta, Place, follow


class Heard:
    """Pieces of answers on their way to one client, joined as long as it takes none."""

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._waiting: dict[int, tuple[str, Delta]] = {}

    def add(self, step: str, delta: Delta) -> bool:
        """Keep what is new of a delta until it is taken; return whether anything is."""
        found = follow(self._places.get(delta.call), delta)
        if found is None:
            return False
        place, new = found
        if place.is_over:
            # Its try is over in the rows as well: whoever hears of it again does so from nobody who may tell.
            self._places.pop(delta.call, None)
        else:
            self._places[delta.call] = place
        _, before = self._waiting.get(delta.call, ("", None))
        if before is not None and before.attempt == new.attempt:
            new = replace(new, at=before.at, text=before.text + new.text)
        self._waiting[delta.call] = step, new
        return True

    def take(self) -> bytes:
        """Return what waits as server-sent events without an id: they are no places in a history to go on from."""
        waiting, self._waiting = self._waiting, {}
        return b"".join(_write(step, delta) for step, delta in waiting.values())


def _write(step: str, delta: Delta) -> bytes:
    shown = {"step": step, **asdict(delta)}
    return f"event: delta\ndata: {json.dumps(shown)}\n\n".encode()
