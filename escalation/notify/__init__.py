"""Reaching people: what they are told is announced as rows, and sent from these by the notifier.

`announce` is called where something happens, in that transaction; it sends nothing, and can't fail for a mail server.
"""

from escalation.notify.announce import announce

__all__ = ["announce"]
