"""Whether a step's accepted work is drawn: by a hash, so that whoever asks again gets the same answer. Pure."""

import hashlib


def is_drawn(step_id: int, revision: int, rate: float | None) -> bool:
    """Return whether a revision of a step is drawn.

    Args: rate: the part that is drawn, 0 to 1; None draws nothing.
    """
    if not rate:
        return False
    drawn = hashlib.sha256(f"{step_id}:{revision}".encode()).digest()[:8]
    return int.from_bytes(drawn) < rate * 2**64
