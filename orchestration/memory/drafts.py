"""What an agent noted and nobody has accepted yet: it becomes memories with the answer that is, and nothing otherwise.

Noted within calls, which later attempts do not make again; or with an answer that others look at first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from orchestration.database.statements import fetch_all
from orchestration.memory.lines import MemoryLine
from orchestration.memory.rows import MemoryDraft
from orchestration.memory.writing import write_memories

PROPOSED: Final = ""
"""The path of what came with an answer."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What was noted. `embedded`: vectors of it, if they were made."""

    lines: Sequence[MemoryLine] = ()
    embedded: Sequence[MemoryLine] = ()

    @property
    def json(self) -> str:
        """Return it as it is kept."""
        return orjson.dumps({"lines": list(self.lines), "embedded": list(self.embedded)}).decode()


def load_drafts(step_id: int, journal: int) -> dict[str, Draft]:
    """Return what was noted in a step's journal, by the path of the call; `PROPOSED`: with an answer."""
    rows = MemoryDraft.objects.filter(step=step_id, journal=journal).order_by("pk")
    return {
        path: Draft(**orjson.loads(lines_json)) for path, lines_json in rows.values_list("path", "lines_json")
    }


def load_proposed(step_id: int, journal: int) -> Draft:
    """Return what was noted with the answer that a step proposes."""
    return load_drafts(step_id, journal).get(PROPOSED, Draft())


_DROP: Final = "DELETE FROM orchestration_memorydraft WHERE step_id = %(step)s RETURNING id"


def accept_draft(step_id: int, journal: int) -> None:
    """Remember what came with an answer that a person approved, in the caller's transaction.

    Raises: MemoryConflict: it expected another version of a memory than there is now.
    """
    draft = load_proposed(step_id, journal)
    if draft.lines:
        write_memories(draft.lines, draft.embedded)
    drop_drafts(step_id)


def drop_drafts(step_id: int) -> None:
    """Let go of what a step noted: another answer was accepted than the one it came with."""
    fetch_all(_DROP, {"step": step_id})
