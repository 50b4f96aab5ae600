"""The audit of the desk: who saw and did what, when, from where, over which bytes. Appended to, never changed.

`record` writes a line in the transaction of what it tells, so that one is never there without the other. Which door
somebody came through is set once, at that door (`origin.py`), and not handed from function to function.
"""

from escalation.audit.lines import record, record_seen
from escalation.audit.origin import Origin, current_origin, enter
from escalation.audit.reading import AuditFilter, export_lines, list_audit, scope_audit, tell_line
from escalation.audit.writing import FORMS

__all__ = [
    "FORMS",
    "AuditFilter",
    "Origin",
    "current_origin",
    "enter",
    "export_lines",
    "list_audit",
    "record",
    "record_seen",
    "scope_audit",
    "tell_line",
]
