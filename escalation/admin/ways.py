"""The decision bar of a ticket's page: what can be chosen, where it is placed, and the key that chooses it.

Everything comes from the table of subjects and ways (`orchestration/domain/holds.py`); only keys are given here.
"""

from dataclasses import dataclass
from typing import Any, Final

from escalation.models import Ticket
from escalation.selectors import list_hand_on_agents, list_open_ways, list_reason_codes, list_scopes
from orchestration.domain.hold_fields import OUTPUT, SCOPE_WORDS, Field
from orchestration.domain.holds import Way
from orchestration.domain.states import ResolutionKind

_KEYS: Final = {"approve": "a", "edit": "e", "send_back": "b", "hand_on": "h"}
"""By the kind of resolution; those that end work have none, lest somebody ends it by a slip."""

SNOOZES: Final = {15: "15 minutes", 60: "1 hour", 240: "4 hours", 24 * 60: "1 day", 7 * 24 * 60: "1 week"}
"""For how many minutes a ticket can be put off from its page; the use case takes any time within a year."""


@dataclass(frozen=True, slots=True)
class WayView:
    """One way, ready to show.

    Attributes: key: that presses or opens it, "" for none.  panel: id of what is filled in first.
    """

    way: Way
    key: str
    panel: str

    @property
    def opener(self) -> str:
        """Return what is pressed to fill it in; short, since a phone shows all of them side by side."""
        if self.way.to is None:
            return f"{self.way.button} …"
        if self.way.answers and not self.is_answer:
            return f"{self.way.title.partition(',')[0]} …"
        return (
            f"{self.kind.replace('_', ' ').capitalize()} …"
            if self.way.needs_proposal or not self.is_output
            else self.way.title
        )

    @property
    def is_answer(self) -> bool:
        """Tell whether it answers a question: its form stands open on the page."""
        return self.kind is ResolutionKind.ANSWER

    @property
    def kind(self) -> ResolutionKind:
        """Return what is sent."""
        return self.way.kind

    @property
    def is_pressed(self) -> bool:
        """Tell whether its button stands in the bar: it needs nothing, and ends nothing."""
        return self.way.takes_proposal or (self.way.to is None and self.way.field is None)

    @property
    def field(self) -> Field | None:
        """Return what the way can't do without."""
        return self.way.field

    @property
    def is_output(self) -> bool:
        """Tell whether the output is what is filled in: that stands beside what was asked, not in the bar."""
        return self.way.field is OUTPUT


def place_ways(ticket: Ticket) -> dict[str, Any]:
    """Return the ways that the page offers: what is only pressed, what is filled in first, and what ends the work."""
    offered = {kind: way for kind, way in list_open_ways(ticket).items() if way.is_offered}
    views = [WayView(way, _KEYS.get(kind.value, ""), f"way-{kind}") for kind, way in offered.items()]
    return {
        "pressed": [view for view in views if view.is_pressed],
        "filled": [view for view in views if view.way.field],
        "agents": list_hand_on_agents(ticket),
        "scopes": [(scope, SCOPE_WORDS[scope]) for scope in list_scopes(ticket)],
        "reason_codes": list_reason_codes(ticket),
        "ending": [view for view in views if not view.way.field and not view.is_pressed],
    }
