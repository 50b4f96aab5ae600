"""The rows. No behaviour lives here but what a row can say about itself; `escrow/` writes tickets."""

from escalation.models.access import QueueRole
from escalation.models.audit import AuditLine
from escalation.models.breach import Breach
from escalation.models.clock import ClockTimestamp, read_clock
from escalation.models.figure import AgentHour, DayFigure, FoldedHour, HourFigure
from escalation.models.forecast import Forecast
from escalation.models.notice import Notice
from escalation.models.queue import DEFAULT_QUEUE, ReviewQueue
from escalation.models.reason import ReasonCode
from escalation.models.reviewer import ReviewerProfile
from escalation.models.routing import RoutingRule
from escalation.models.target import SlaTarget
from escalation.models.ticket import Ticket

__all__ = [
    "DEFAULT_QUEUE",
    "AgentHour",
    "AuditLine",
    "Breach",
    "ClockTimestamp",
    "DayFigure",
    "FoldedHour",
    "Forecast",
    "HourFigure",
    "Notice",
    "QueueRole",
    "ReasonCode",
    "ReviewQueue",
    "ReviewerProfile",
    "RoutingRule",
    "SlaTarget",
    "Ticket",
    "read_clock",
]
