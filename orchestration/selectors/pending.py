"""What an answer would do that somebody must accept first."""

import json
from typing import Any

from orchestration.models import PendingEffects


def load_pending(step_id: int, revision: int) -> dict[str, list[dict[str, Any]]]:
    """Return the lines of the effects that a revision of a step's work waits with, by name; none: {}."""
    rows = PendingEffects.objects.filter(step=step_id, revision=revision).order_by("-pk")
    effects_json = rows.values_list("effects_json", flat=True).first()
    return {} if effects_json is None else dict(json.loads(effects_json))
