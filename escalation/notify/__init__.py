"""Reaching people: what they are told is announced as rows, and sent from these by the notifier.

`announce` is called where something happens, in that transaction; it sends nothing, and can't fail for a mail server.
"""

from escalation.notify.announce import Announcement, announce, announce_all
from escalation.notify.notifier import notify_people, send_due
from escalation.notify.planning import plan_notices
from escalation.notify.requests import send_again, send_test

__all__ = [
    "Announcement",
    "announce",
    "announce_all",
    "notify_people",
    "plan_notices",
    "send_again",
    "send_due",
    "send_test",
]
