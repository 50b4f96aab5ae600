"""The console where people decide what agents should not decide alone.

`tickets.py` lists and routes, `page.py` gathers what the ticket page shows, `decisions.py` does what the
buttons say. `board/` is what leads steer by, `agents/` what agents' confidence is worth.
"""

from escalation.admin.agents.page import AgentAdmin
from escalation.admin.audit import AuditLineAdmin
from escalation.admin.board.page import show_board
from escalation.admin.calendars import CalendarAdmin
from escalation.admin.messages import MessageAdmin
from escalation.admin.preferences import PreferenceAdmin
from escalation.admin.queues import BreachAdmin, ReviewQueueAdmin
from escalation.admin.reviewers import ReviewerProfileAdmin
from escalation.admin.routing import RoutingRuleAdmin
from escalation.admin.tickets import TicketAdmin

__all__ = [
    "AgentAdmin",
    "AuditLineAdmin",
    "BreachAdmin",
    "CalendarAdmin",
    "MessageAdmin",
    "PreferenceAdmin",
    "ReviewQueueAdmin",
    "ReviewerProfileAdmin",
    "RoutingRuleAdmin",
    "TicketAdmin",
    "show_board",
]
