"""What agents used, as they said: tokens and cost, as numbers that can be summed.

A room of its own beside the engine: `amounts.py` says what can be used, `rows.py` keeps it, and `SPENT` is how a row is
written with the end of its attempt. Read next: `orchestration/transitions/ending.py`.
"""

from orchestration.domain.effects import Effect
from orchestration.usage.amounts import Used, read_used

__all__ = ["SPENT", "Used", "read_used"]

SPENT = Effect(
    "usage",
    {"input_tokens": "bigint", "output_tokens": "bigint", "cost_usd": "numeric"},
    "INSERT INTO orchestration_usage (attempt_id, step_id, run_id, input_tokens, output_tokens, cost_usd, at) "
    "SELECT d.attempt_id, d.id, d.run_id, e.input_tokens, e.output_tokens, e.cost_usd, d.now",
)
"""The row of an attempt whose agent said what it used."""
