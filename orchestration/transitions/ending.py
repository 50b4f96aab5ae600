"""How the end of an attempt is written: declared as an `Ending`, made into one guarded statement for many steps.

The statement changes each step that is still held (`done`), then come the parts, each a CTE that reads `done`. What
other rooms write with the end of an attempt are effects (`domain/effects.py`). The plain finish, and what a person
chooses for a held step, are written without effects; every other statement has all but those that only a finish has.
docs/adr/0026-endings-and-waits-are-data.md
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from orchestration.budgets.booking import ENDED, book
from orchestration.database.lines import dump_line, pass_lines, select_lines
from orchestration.database.statements import fetch_all
from orchestration.domain.effects import Effect
from orchestration.domain.states import STEP_EDGES, StepStatus
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.history import EventKind, insert_event
from orchestration.memory.writing import REMEMBERED
from orchestration.outgoing import PENDING, SENT
from orchestration.sampling import SAMPLED
from orchestration.transitions.handoff import BY_STEP
from orchestration.transitions.vocabulary import break_chords, grown_below, is_held_by, lost, recount
from orchestration.usage import SPENT

EFFECTS: Final = (SPENT, SAMPLED, SENT, PENDING, BY_STEP)
"""Everything that rooms of their own write with an ending."""
OF_FINISH: Final = (REMEMBERED,)
"""What they write with a finish, or with a person's approval, only; other statements don't have it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is written with an ending: a CTE, and what it needs in the step's line (SQL types by name)."""

    name: str
    sql: str
    columns: Mapping[str, str] = field(default_factory=dict)


_OF_ATTEMPT = {
    "outcome": "text", "agent_version": "integer", "confidence": "double precision", "failure_kind": "text",
    "error_class": "text", "error_message": "text", "traceback_tail": "text",
}  # fmt: skip
ATTEMPT: Final = Part(
    "ended",
    f"""
    UPDATE orchestration_attempt a SET finished_at = d.now, {", ".join(f"{name} = d.{name}" for name in _OF_ATTEMPT)}
    FROM done d WHERE a.id = d.attempt_id""",
    {"attempt_id": "bigint", **_OF_ATTEMPT},
)
DECISION: Final = Part(
    "decided",
    """
    INSERT INTO orchestration_decision
        (attempt_id, step_id, run_id, rule, kind, reason, inputs_json, due_at, decided_at)
    SELECT d.attempt_id, d.id, d.run_id, d.rule, d.kind, d.why, d.inputs, d.due_at, d.now FROM done d""",
    {"rule": "text", "kind": "text", "why": "text", "inputs": "text", "due_at": "timestamptz"},
)
RECEIPT: Final = Part(
    "proved",
    """
    INSERT INTO orchestration_receipt (step_id, run_id, round, revision, kind, digest, body_json)
    SELECT d.id, d.run_id, d.round, d.revision, d.receipt_kind, d.receipt_digest, d.receipt FROM done d""",
    {
        "round": "integer",
        "revision": "integer",
        "receipt_kind": "text",
        "receipt_digest": "text",
        "receipt": "text",
    },
)
# Tries of calls that are under way when the attempt ends: nobody can complete them any more.
LOSE_TRIES: Final = Part(
    "given_up",
    """
    UPDATE orchestration_calltry t SET state = 'lost', ended_at = d.now, error = 'its attempt had ended'
    FROM done d WHERE t.step_id = d.id AND t.state = 'begun' RETURNING """
    + ENDED,
)
BOOK_LOST: Final = tuple(Part(name, sql) for name, sql in book(LOSE_TRIES.name).items())
"""What they had reserved is lost with them."""
BREAK_CHORD: Final = Part("broken", break_chords("done"))
# The edges of the children's own children go too: `is_in_plan` looks for the edge from a step to the one that grew it.
DETACH: Final = (
    Part("below", grown_below("IN (SELECT id FROM done)")),
    Part(
        "detached",
        """
    DELETE FROM orchestration_edge e USING below b
    WHERE e.predecessor_id = b.predecessor_id AND e.successor_id = b.successor_id""",
    ),
    Part("recounted", recount("below WHERE successor_id NOT IN (SELECT id FROM done)")),
)
FORGET_CHILDREN: Final = """
    stage = '', proposed_json = NULL, chord_intact = false, predecessor_count = s.predecessor_count - (
        SELECT count(*) FROM orchestration_edge e WHERE e.successor_id = s.id AND e.is_child)
"""
"""SET items of a step that does its own work anew; with `DETACH`."""

_LINE_OF_HELD = {"step": "bigint", "now": "timestamptz", "event": "text"}
_LINE = _LINE_OF_HELD | {"token": "uuid"}


@dataclass(frozen=True, slots=True)
class Ending:
    """One way in which a step's attempt, or a person's look at it, ends.

    Attributes:
        source: the status it leads away from.  targets: where to; none: another statement changes the step.
        event: the kind of its line in the history, or the whole INSERT where it is not one line for each step.
        sets: SET items; `s` is the step, `g` its line.  parts: what is written with it, in order.
        columns: what the lines have beside what the parts need.  effects: other rooms' rows that are written too.
        returned: of the step, for the parts and the answer.  answer: what the statement returns.
        statement: the whole text, made of all this.
    """

    source: StepStatus
    targets: tuple[StepStatus, ...]
    event: EventKind | str
    sets: str = ""
    parts: tuple[Part, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    effects: tuple[Effect, ...] = EFFECTS
    returned: str = "s.id, s.run_id, s.attempt"
    answer: str = "SELECT id FROM done"
    statement: str = ""

    def __post_init__(self) -> None:
        """Make the statement.

        Raises: ValueError: an edge is not in the one list of them.
        """
        unknown = [target for target in self.targets if (self.source, target) not in STEP_EDGES]
        if unknown:
            raise ValueError(f"no edge leads from {self.source} to {unknown}; list it in domain/states.py")
        if not self.statement:
            object.__setattr__(self, "statement", self._build())

    def _build(self) -> str:
        told: str = self.event
        if isinstance(self.event, EventKind):
            told = insert_event(self.event, source="done", data="event", at="now")
        effects = [part for effect in self.effects for part in list_parts(effect)]
        if self.source is StepStatus.RUNNING and self.effects:
            effects += [LOSE_TRIES, *BOOK_LOST]
        parts = [Part("done", self._change()), *self.parts, *effects, Part("told", told)]
        columns = dict(_LINE if self.source is StepStatus.RUNNING else _LINE_OF_HELD)
        for part in parts:
            columns.update(part.columns)
        columns.update(self.columns)
        ctes = ", ".join(f"{part.name} AS ({part.sql}\n)" for part in parts)
        return f"\nWITH RECURSIVE given AS MATERIALIZED ({select_lines(columns)}), {ctes}\n{self.answer}\n"

    def _change(self) -> str:
        """Return the CTE `done`: each step that is still there to be ended, with its line."""
        guard = f"s.status = '{self.source}'"
        release = ""
        if self.source is StepStatus.RUNNING:
            guard, release = is_held_by("s", "g.token"), "token = NULL, process_id = NULL, "
        if not self.targets:
            return f"""
    SELECT {self.returned}, g.* FROM orchestration_step s JOIN given g ON s.id = g.step WHERE {guard}"""
        status = f"'{self.targets[0]}'" if len(self.targets) == 1 else "g.status"
        return f"""
    UPDATE orchestration_step s SET status = {status}, {release}{self.sets}
    FROM given g WHERE s.id = g.step AND {guard} RETURNING {self.returned}, g.*"""


def list_parts(effect: Effect) -> list[Part]:
    """Return the CTEs of an effect, which read `done`."""
    return [
        Part(effect.name, effect.statement, {"effects": "json"}),
        *(Part(name, sql) for name, sql in effect.after),
    ]


_EFFECT_COLUMNS: Final = {effect.name: effect.columns.keys() for effect in (*EFFECTS, *OF_FINISH)}
_ALL: Final = frozenset(effect.name for effect in EFFECTS)


def _list_effects(end: AttemptEnd, written: Collection[str]) -> Mapping[str, Any] | None:
    """Return the lines of an end's effects; None when it has none.

    Args: written: names of the effects that the ending's statement writes.
    Raises: ValueError: it does not write such a line, or one of its values: it would be lost without a word.
    """
    for name, lines in end.effects.items():
        if name not in written:
            raise ValueError(f"no effect is named {name!r}; list it in EFFECTS of transitions/ending.py")
        unknown = {key for line in lines for key in line} - _EFFECT_COLUMNS[name]
        if unknown:
            raise ValueError(f"the effect {name!r} has no column {', '.join(sorted(unknown))}")
    return end.effects or None


def remembers(end: AttemptEnd) -> bool:
    """Return whether memories are written with an end."""
    return REMEMBERED.name in end.effects


def describe_finish(claim: Claim, end: AttemptEnd) -> dict[str, Any]:
    """Return the line of an attempt whose answer is accepted, as `describe_end` does of any."""
    return _describe(claim, end, _ALL | {REMEMBERED.name})


def describe_end(claim: Claim, end: AttemptEnd) -> dict[str, Any]:
    """Return the line of an ended attempt, as `ATTEMPT`, `DECISION` and the effects read it."""
    return _describe(claim, end, _ALL)


def _describe(claim: Claim, end: AttemptEnd, written: Collection[str]) -> dict[str, Any]:
    return {
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "now": end.finished_at,
        "outcome": end.outcome,
        "agent_version": end.agent_version,
        "confidence": end.confidence,
        "failure_kind": end.failure_kind,
        "error_class": end.error_class,
        "error_message": end.error_message,
        "traceback_tail": end.traceback_tail,
        "rule": end.rule,
        "kind": end.kind,
        "why": end.reason,
        "inputs": end.inputs_json,
        "due_at": end.due_at,
        "effects": _list_effects(end, written),
        "event": f'{{"rule":"{end.rule}"}}',
    }


def end_claim(ending: Ending, claim: Claim, end: AttemptEnd, **more: object) -> Any:
    """End a claimed step's attempt and return the statement's first row.

    Args: more: what the ending's line has beside; `event` replaces the line's own.
    Raises: ClaimLost: nothing was written.
    """
    line = dump_line(describe_end(claim, end) | more)
    rows = fetch_all(ending.statement, pass_lines([line], waits=True))
    if not rows:
        raise lost(claim)
    return rows[0]
