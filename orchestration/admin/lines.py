"""Hand-offs and lines of the lineage, as tables of several pages show them."""

import json
from dataclasses import dataclass

from django.utils.safestring import SafeString

from orchestration.admin.addresses import run_url, step_url
from orchestration.admin.visible import mark_unseen, show_short
from orchestration.domain.losses import tell_loss
from orchestration.models import Handoff, LineageKind, LineageLine
from orchestration.selectors.lineage import tell_line


@dataclass(frozen=True, slots=True)
class HandoffLine:
    """What one attempt received from one step."""

    row: Handoff
    source: SafeString
    lost: str
    from_url: str
    to_url: str


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line of the lineage. `data`: what its words don't tell."""

    row: LineageLine
    words: SafeString
    url: str
    run: str
    run_url: str
    data: SafeString


def view_handoff(handoff: Handoff) -> HandoffLine:
    """Return a hand-off as a table shows it. Its steps and attempt must be loaded."""
    sender, receiver = handoff.from_step, handoff.to_step
    return HandoffLine(
        row=handoff,
        source=mark_unseen(handoff.source or ""),
        lost=tell_loss(handoff.loss) if handoff.loss else "",
        from_url=step_url(handoff.run_id, sender.key),
        to_url=step_url(handoff.run_id, receiver.key),
    )


def view_lineage(line: LineageLine) -> TraceLine:
    """Return a line of the lineage as a table shows it. Its step must be loaded."""
    data = json.loads(line.data_json)
    return TraceLine(
        row=line,
        words=mark_unseen(tell_line(line)),
        url=step_url(line.run_id, line.step.key) if line.step else "",
        run=str(line.run_id)[:8],
        run_url=run_url(line.run_id),
        data=mark_unseen(show_short(data)) if data and line.kind == LineageKind.EVENT else SafeString(""),
    )
