"""The way out: every connection that this installation opens to somebody else's server goes through here.

`lines.py` looks a name up, refuses what is no address of the open internet unless an operator listed it, and connects
to the very address that was looked at; `post.py` sends over HTTP, `mail.py` is Django's way to a mail server. Nothing
here follows a redirect, and all of one sending ends within its time. The database and the broker are ours: no matter of
this room.
"""

from agents.egress.lines import open_line, within
from agents.egress.post import Answer, post
from agents.errors import EgressRefused, SendingTimedOut

__all__ = ["Answer", "EgressRefused", "SendingTimedOut", "open_line", "post", "within"]
