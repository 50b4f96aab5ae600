"""The live desk: what happens to tickets, told to the pages that follow them, and who looks at which.

One watcher a web process asks the database once a second for all that listen; each is told what they may see, and is
asked again and again whether they still may. It tells numbers, clocks and names: pages fetch the rest under their
own rights.
"""

from escalation.live.looks import leave_ticket, look_at_ticket
from escalation.live.watcher import Listener, get_watcher

__all__ = ["Listener", "get_watcher", "leave_ticket", "look_at_ticket"]
