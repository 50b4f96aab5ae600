"""The audit of the desk: who saw and did what, when, from where, over which bytes. Appended to, never changed.

`record` writes a line in the transaction of what it tells, so that one is never there without the other. Which door
somebody came through is set once, at that door (`origin.py`), and not handed from function to function. Who reads the
audit asks `reading.py` and `writing.py` themselves: whoever writes a line needs no more than the line.
"""

from escalation.audit.lines import record, record_seen
from escalation.audit.origin import Origin, current_origin, enter

__all__ = ["Origin", "current_origin", "enter", "record", "record_seen"]
