"""What was decided or voted and kept as a row, as the choice that it was."""

from escalation.domain.resolution import Choice
from escalation.models import PendingResolution, Vote
from orchestration.domain.hold_fields import Scope
from orchestration.domain.states import ResolutionKind


def read_choice(pending: PendingResolution | Vote) -> Choice:
    """Return what was decided, or voted."""
    return Choice(
        ResolutionKind(pending.kind),
        pending.output_json,
        pending.feedback,
        pending.note,
        agent=pending.agent,
        reason_code=pending.reason_code,
        scope=Scope(pending.scope) if pending.scope else None,
    )
