"""What the agent of one claim looks up and notes down, between its code and the rows of memories."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from agents.domain.notebook import Found, Hit, MemoryScope, Note, Question
from orchestration.domain.policy.failures import CONFLICT_RULES
from orchestration.domain.receipts import AttemptLine
from orchestration.domain.work import Claim, Facts
from orchestration.executor.awaiting import Ask
from orchestration.memory.drafts import load_drafts
from orchestration.memory.embedding import embed_lines
from orchestration.memory.lines import MemoryLine, describe_note, merge_lines
from orchestration.memory.looking import Pin, look, read_hits, take_pin
from orchestration.memory.writing import REMEMBERED

_NO_ACTOR: Final = "this step is no turn of an actor; give agent, run or project"


class ClaimShelf:
    """Memories as one attempt sees them.

    Args: ask: asks the database for the claim, on a connection of the engine's.
    """

    def __init__(self, claim: Claim, ask: Ask) -> None:
        self._claim = claim
        self._ask = ask

    def take_pin(self) -> str:
        """Return the state of all memories as of now."""
        return self._ask(lambda _: take_pin()).json

    def find(self, question: Question, pin_json: str) -> list[Found]:
        """Return what answers a question as of a pin."""
        pin, scope_id = Pin.read(pin_json), find_scope_id(self._claim, question.scope)
        return self._ask(lambda claim: look(claim.run.project_id, scope_id, question, pin))

    def open(self, found: list[Found]) -> list[Hit]:
        """Return memories with their values."""
        return self._ask(lambda _: read_hits(found))

    def refuse(self, scope: MemoryScope) -> str:
        """Return why there is no such scope here."""
        return _NO_ACTOR if scope is MemoryScope.ACTOR and not self._claim.run.actor else ""


def find_scope_id(claim: Claim, scope: MemoryScope) -> str:
    """Return whose memories a scope means in a step."""
    match scope:
        case MemoryScope.AGENT:
            return claim.agent
        case MemoryScope.RUN:
            return str(claim.run.run_id)
        case MemoryScope.ACTOR:
            return claim.run.actor or ""
        case MemoryScope.PROJECT:
            return ""


def write_lines(claim: Claim, notes: Sequence[Note]) -> list[MemoryLine]:
    """Return what an attempt noted as lines."""
    return [
        describe_note(
            note,
            project_id=claim.run.project_id,
            scope_id=find_scope_id(claim, note.scope),
            by_step=claim.step_id,
            by_run=str(claim.run.run_id),
            by_attempt=claim.attempt_id,
        )
        for note in notes
    ]


def gather_notes(claim: Claim, ask: Ask, notes: Sequence[Note], met: Collection[str], facts: Facts) -> Facts:
    """Return the facts of an attempt that answered, with all that it wants to be remembered, and the vectors of that.

    Args: notes: of this attempt.  met: paths of the calls that it was answered from the journal: what was noted within
        them counts, too, and as noted before.
    """
    kept = ask(lambda held: load_drafts(held.step_id, held.renewals)) if met else {}
    lines = [line for path, noted in kept.items() if path in met for line in noted]
    lines += write_lines(claim, notes)
    if not lines:
        return facts
    merged = merge_lines(lines)
    return replace(facts, effects={**facts.effects, REMEMBERED.name: merged}, embedded=embed_lines(merged))


def count_conflicts(earlier: Sequence[AttemptLine]) -> int:
    """Return how often a step was to be done again because what it remembered had changed meanwhile."""
    return sum(line.rule in CONFLICT_RULES for line in earlier)
