"""What a person decided, checked before anything is locked."""

from dataclasses import dataclass, field
from typing import Any, Final, Self

from agents.domain.canonical import MAX_BYTES, canonical_json
from agents.errors import UnreadableOutput
from escalation.errors import ResolutionInvalid
from orchestration.domain.hold_fields import AGENT, FEEDBACK, OUTPUT, SCOPE, Field, Scope
from orchestration.domain.holds import BY_RULE, CHOSEN_BY_PEOPLE, WAY_OF, kinds_with
from orchestration.domain.states import ResolutionKind

MAX_TEXT = 20_000
NOT_GIVEN: Final = object()
"""Stands for an output that nobody gave: null is an output like any other, and has to be meant."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision; two that are equal are the same decision sent twice.

    Attributes:
        output_json: canonical JSON of the output, where the kind takes one; None with all others.
        feedback: for the agent, with `send_back`.  note: for colleagues, with any kind.
        agent: who does the step from now on, with `hand_on`.  reason_code: why, as it is counted.
        scope: how far it reaches, with `close` in a child run.
        output: the value that `output_json` is the text of; true and 1 are equal as values, so the text is compared.
    """

    kind: ResolutionKind
    output_json: str | None
    feedback: str
    note: str
    agent: str = ""
    reason_code: str = ""
    scope: Scope | None = None
    output: Any = field(default=None, compare=False)

    @classmethod
    def build(
        cls,
        kind: ResolutionKind,
        output: Any,
        feedback: str,
        note: str,
        *,
        agent: str = "",
        reason_code: str = "",
        scope: Scope | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Self:
        """Check what a person sent by the form of its kind; whether the kind goes with the ticket is seen later.

        Args: max_bytes: of the output; as large as the engine itself takes one.
        Raises: ResolutionInvalid: names the field and says what to do.
        """
        if kind in BY_RULE and kind not in CHOSEN_BY_PEOPLE:
            raise ResolutionInvalid(f"resolution: {kind} is for rules; give the output yourself with edit.")
        asked = WAY_OF[kind].field
        is_meant = output not in (None, NOT_GIVEN)
        _check_field(OUTPUT, asked, kind, is_missing=output is NOT_GIVEN, is_meant=is_meant)
        _check_field(FEEDBACK, asked, kind, is_missing=not feedback.strip(), is_meant=bool(feedback))
        _check_field(AGENT, asked, kind, is_missing=not agent.strip(), is_meant=bool(agent))
        if scope is not None and SCOPE not in WAY_OF[kind].also:
            raise ResolutionInvalid(f"scope: goes with close only, not with {kind}; {SCOPE.misplaced}")
        check_text("feedback", feedback)
        check_text("note", note)
        check_text("agent", agent)
        check_text("reason_code", reason_code)
        is_output = asked is OUTPUT
        return cls(
            kind,
            _write_output(output, max_bytes) if is_output else None,
            feedback.strip(),
            note.strip(),
            agent.strip(),
            reason_code.strip(),
            scope,
            output if is_output else None,
        )


def _check_field(
    field: Field, asked: Field | None, kind: ResolutionKind, *, is_missing: bool, is_meant: bool
) -> None:
    """Refuse a field that is missing, or that does not go with the kind.

    Args: is_meant: something stands there that nobody leaves out by sending null or nothing.
    """
    if field is asked and is_missing:
        raise ResolutionInvalid(f"{field.name}: {field.missing}")
    if field is not asked and is_meant:
        only = " or ".join(kinds_with(field))
        raise ResolutionInvalid(f"{field.name}: goes with {only} only, not with {kind}; {field.misplaced}")


def check_text(field: str, text: str) -> None:
    """Refuse text that the database can't keep.

    Raises: ResolutionInvalid: names the field.
    """
    if len(text) > MAX_TEXT:
        raise ResolutionInvalid(f"{field}: {len(text)} characters are too many; at most {MAX_TEXT}.")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ResolutionInvalid(
            f"{field}: holds a character that is no text (NUL or half a pair); remove it."
        )


def _write_output(output: Any, max_bytes: int) -> str:
    try:
        return canonical_json(output, max_bytes=max_bytes)
    except UnreadableOutput as error:
        raise ResolutionInvalid(f"output: {error}") from error
