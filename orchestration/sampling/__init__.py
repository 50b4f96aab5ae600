"""Which accepted work is kept for a later look: a part of each step's, as its spec's `audit_rate` says.

A room of its own beside the engine: `drawing.py` draws, `rows.py` keeps, and `SAMPLED` is how a row is written with the
end of its attempt. Who looks at the sample finds it in these rows; nothing waits for that.
"""

from orchestration.domain.effects import Effect
from orchestration.sampling.drawing import is_drawn

__all__ = ["SAMPLED", "is_drawn"]

SAMPLED = Effect(
    "sampled",
    {"rate": "double precision"},
    "INSERT INTO orchestration_auditsample (attempt_id, step_id, run_id, rate, at) "
    "SELECT d.attempt_id, d.id, d.run_id, e.rate, d.now",
)
"""The row of an attempt whose answer was accepted without a person, and drawn."""
