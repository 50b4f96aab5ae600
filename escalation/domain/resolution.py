"""What a person decided, checked before anything is locked."""

from dataclasses import dataclass, field
from typing import Any, Final, Self

from agents.domain.canonical import canonical_json
from agents.errors import UnreadableOutput
from escalation.errors import ResolutionInvalid
from orchestration.domain.states import ResolutionKind

MAX_TEXT = 20_000
NOT_GIVEN: Final = object()
"""Stands for an output that nobody gave: null is an output like any other, and has to be meant."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One decision; two that are equal are the same decision sent twice.

    Attributes:
        output_json: canonical JSON of the edited output; None unless the kind is `edit`.
        feedback: for the agent, with `send_back`.  note: for colleagues, with any kind.
        output: the value that `output_json` is the text of; true and 1 are equal as values, so the text is compared.
    """

    kind: ResolutionKind
    output_json: str | None
    feedback: str
    note: str
    output: Any = field(default=None, compare=False)

    @classmethod
    def build(cls, kind: ResolutionKind, output: Any, feedback: str, note: str) -> Self:
        """Check what a person sent.

        Raises: ResolutionInvalid: names the field and says what to do.
        """
        if kind is ResolutionKind.EDIT and output is NOT_GIVEN:
            raise ResolutionInvalid(
                "output: give what shall be approved; null is an output too, if you send it."
            )
        if output not in (None, NOT_GIVEN) and kind is not ResolutionKind.EDIT:
            raise ResolutionInvalid(f"output: goes with edit only, not with {kind}; leave it out.")
        if feedback and kind is not ResolutionKind.SEND_BACK:
            raise ResolutionInvalid(f"feedback: goes with send_back only, not with {kind}; use note.")
        if kind is ResolutionKind.SEND_BACK and not feedback.strip():
            raise ResolutionInvalid("feedback: say what the agent should do better.")
        check_text("feedback", feedback)
        check_text("note", note)
        if kind is not ResolutionKind.EDIT:
            return cls(kind, None, feedback.strip(), note.strip())
        return cls(kind, _write_output(output), feedback.strip(), note.strip(), output)


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


def _write_output(output: Any) -> str:
    try:
        return canonical_json(output)
    except UnreadableOutput as error:
        raise ResolutionInvalid(f"output: {error}") from error
