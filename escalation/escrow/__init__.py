"""The only ticket writer. A ticket is opened with the hold, claimed by one, and decided once.

Locks are always taken in the order run, step, ticket, and the clock is read after the last of them. Questions
are `selectors/`'s; read next: `claims.py`, then `resolution.py`.
"""

from escalation.escrow.alarming import tell_of_used_up
from escalation.escrow.assignment import assign_free_ticket, free_ticket, reassign_ticket
from escalation.escrow.auditing import open_audit_ticket
from escalation.escrow.breaches import record_missed
from escalation.escrow.bulk import (
    BULK_KINDS,
    MOST_TOGETHER,
    BulkLine,
    BulkResult,
    BulkWay,
    claim_alike,
    list_bulk_ways,
    preview_alike,
    resolve_alike,
)
from escalation.escrow.by_rule import resolve_by_rule
from escalation.escrow.calendars import save_calendar
from escalation.escrow.claims import claim_next_ticket, claim_ticket, release_ticket, save_draft
from escalation.escrow.clock import pause_ticket, replan_ticket, resume_ticket
from escalation.escrow.comments import comment_on
from escalation.escrow.escalator import DatabaseEscalator
from escalation.escrow.leases import renew_claim
from escalation.escrow.pending import take_back_resolution
from escalation.escrow.queue_changes import settle_change
from escalation.escrow.resolution import resolve_ticket
from escalation.escrow.rows import is_own_request, name_decider
from escalation.escrow.snoozing import snooze_ticket, wake_ticket

__all__ = [
    "BULK_KINDS",
    "MOST_TOGETHER",
    "BulkLine",
    "BulkResult",
    "BulkWay",
    "DatabaseEscalator",
    "assign_free_ticket",
    "claim_alike",
    "claim_next_ticket",
    "claim_ticket",
    "comment_on",
    "free_ticket",
    "is_own_request",
    "list_bulk_ways",
    "name_decider",
    "open_audit_ticket",
    "pause_ticket",
    "preview_alike",
    "reassign_ticket",
    "record_missed",
    "release_ticket",
    "renew_claim",
    "replan_ticket",
    "resolve_alike",
    "resolve_by_rule",
    "resolve_ticket",
    "resume_ticket",
    "save_calendar",
    "save_draft",
    "settle_change",
    "snooze_ticket",
    "take_back_resolution",
    "tell_of_used_up",
    "wake_ticket",
]
