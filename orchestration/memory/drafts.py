"""What an agent noted within a call: kept before the call's answer, since later attempts do not make it again.

It becomes memories with the answer that is accepted. What is noted beside calls waits with all else that an answer does
(`orchestration/outgoing/`).
"""

import orjson

from orchestration.memory.lines import MemoryLine
from orchestration.memory.rows import MemoryDraft


def load_drafts(step_id: int, journal: int) -> dict[str, list[MemoryLine]]:
    """Return what was noted in a step's journal, by the path of the call."""
    rows = MemoryDraft.objects.filter(step=step_id, journal=journal).order_by("pk")
    return {
        path: orjson.loads(lines_json)["lines"] for path, lines_json in rows.values_list("path", "lines_json")
    }
