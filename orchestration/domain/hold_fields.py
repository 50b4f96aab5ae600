"""What goes with a decision of a held step beside its kind: fields that are filled in, and how far it reaches. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True)
class Field:
    """What a resolution can't do without, beside the note for colleagues, which goes with each.

    Attributes: label, hint: as the console shows it.  missing: what is said to who left it out.
        misplaced: what is said to who gave it with another resolution.
    """

    name: str
    label: str
    hint: str
    missing: str
    misplaced: str


OUTPUT: Final = Field(
    "output",
    label="Output",
    hint="",
    missing="give what shall be approved; null is an output too, if you send it.",
    misplaced="leave it out.",
)
FEEDBACK: Final = Field(
    "feedback",
    label="Feedback for the agent",
    hint="What should it do better? It runs again with this.",
    missing="say what the agent should do better.",
    misplaced="use note.",
)
AGENT: Final = Field(
    "agent",
    label="Agent",
    hint="Who shall do the step from now on? Its answer is checked like any other.",
    missing="name one of the agents that the step can be handed to.",
    misplaced="leave it out.",
)
FIELDS: Final = (OUTPUT, FEEDBACK, AGENT)


class Scope(StrEnum):
    """How far a closing reaches that is chosen in a child run."""

    PART = "part"
    TREE = "tree"


SCOPE_WORDS: Final[Mapping[Scope, str]] = {
    Scope.PART: "this part only: the step above that waits for it is skipped",
    Scope.TREE: "the whole run, with all that it started",
}
REASON: Final = Field(
    "reason_code",
    label="Reason",
    hint="Counted, so that it can be seen what decisions are about.",
    missing="this review queue asks for a reason with this decision.",
    misplaced="leave it out.",
)
"""Goes with each decision; a review queue says which codes there are and which decisions need one."""
SCOPE: Final = Field(
    "scope",
    label="How far",
    hint="This run was started by a step of another one.",
    missing="say whether this part only or the whole run is closed.",
    misplaced="leave it out.",
)
"""Asked for where a child run is closed."""
