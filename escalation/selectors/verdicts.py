"""What a step's verifiers said of the output that a person judges."""

import json
from dataclasses import dataclass
from typing import Final

from escalation.models import Ticket
from orchestration.domain.states import StepKind
from orchestration.domain.verdicts import read_verdict
from orchestration.models import Step

_MOST_VERDICTS: Final = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verifier's answer. Attributes: reasons: in its words."""

    agent: str
    passed: bool
    reasons: tuple[str, ...]


def list_verdicts(ticket: Ticket) -> list[Verdict]:
    """Return the verdicts on the latest output that was judged, in the order in which the step names its verifiers."""
    rows = Step.objects.filter(parent=ticket.step_id, kind=StepKind.VERIFIER, output_json__isnull=False)
    found = list(rows.order_by("-pk").values_list("key", "agent", "output_json")[:_MOST_VERDICTS])
    # Each output has verifiers of its own: the part of the key before the question mark says of which.
    latest = [row for row in found if row[0].rpartition("?")[0] == found[0][0].rpartition("?")[0]]
    return [_read(agent, output) for _, agent, output in reversed(latest)]


def _read(agent: str, output_json: str | None) -> Verdict:
    passed, reasons = read_verdict(json.loads(output_json or "null"))
    return Verdict(agent, passed, tuple(reasons))
