"""The rows. No behaviour lives here but what a row can say about itself; `escrow/` writes tickets."""

from escalation.models.access import QueueRole
from escalation.models.audit import AuditLine
from escalation.models.breach import Breach
from escalation.models.breach_action import BreachAction, BreachDeed
from escalation.models.calendar import Calendar, CalendarVersion
from escalation.models.clock import ClockTimestamp, read_clock
from escalation.models.clockwork import ClockWarning, Pause, Replan, SnoozeReason
from escalation.models.comment import Comment
from escalation.models.delivery import ChannelState, Delivery
from escalation.models.figure import AgentHour, DayFigure, FoldedHour, HourFigure
from escalation.models.forecast import Forecast
from escalation.models.level import MOST_LEVELS, Alarm, EscalationLevel
from escalation.models.notice import Notice
from escalation.models.pending import PendingResolution
from escalation.models.preference import Preference, QueueChannel
from escalation.models.presence import Presence
from escalation.models.queue import DEFAULT_QUEUE, ReviewQueue
from escalation.models.reason import ReasonCode
from escalation.models.reviewer import ReviewerProfile
from escalation.models.routing import RoutingRule
from escalation.models.target import SlaTarget
from escalation.models.ticket import Ticket
from escalation.models.ticket_checks import IS_AUDIT
from escalation.models.turn import AssignmentTurn
from escalation.models.view import SavedView
from escalation.models.vote import Seat, Vote
from escalation.models.words import TicketWords, WordsPlace

__all__ = [
    "DEFAULT_QUEUE",
    "IS_AUDIT",
    "MOST_LEVELS",
    "AgentHour",
    "Alarm",
    "AssignmentTurn",
    "AuditLine",
    "Breach",
    "BreachAction",
    "BreachDeed",
    "Calendar",
    "CalendarVersion",
    "ChannelState",
    "ClockTimestamp",
    "ClockWarning",
    "Comment",
    "DayFigure",
    "Delivery",
    "EscalationLevel",
    "FoldedHour",
    "Forecast",
    "HourFigure",
    "Notice",
    "Pause",
    "PendingResolution",
    "Preference",
    "Presence",
    "QueueChannel",
    "QueueRole",
    "ReasonCode",
    "Replan",
    "ReviewQueue",
    "ReviewerProfile",
    "RoutingRule",
    "SavedView",
    "Seat",
    "SlaTarget",
    "SnoozeReason",
    "Ticket",
    "TicketWords",
    "Vote",
    "WordsPlace",
    "read_clock",
]
