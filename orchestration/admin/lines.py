"""Hand-offs, as tables of several pages show them."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from orchestration.admin.addresses import step_url
from orchestration.admin.visible import mark_unseen
from orchestration.domain.losses import tell_loss
from orchestration.models import Handoff


@dataclass(frozen=True, slots=True)
class HandoffLine:
    """What one attempt received from one step."""

    row: Handoff
    source: SafeString
    lost: str
    from_url: str
    to_url: str


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
