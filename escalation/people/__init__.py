"""What people at the desk say of themselves, and whoever manages them of them: room, absence, how they are told, views.

Writes settings rows, with a line of the audit each where others go by them; knows no ticket.
"""

from escalation.people.preferences import (
    describe_preferences,
    list_preferences,
    save_preferences,
    tell_change,
)
from escalation.people.profiles import change_profile, remove_profile
from escalation.people.views import MOST_VIEWS, forget_view, keep_view

__all__ = [
    "MOST_VIEWS",
    "change_profile",
    "describe_preferences",
    "forget_view",
    "keep_view",
    "list_preferences",
    "remove_profile",
    "save_preferences",
    "tell_change",
]
