"""What agents and customers wrote, as a person reads it: safe HTML in which nothing is hidden.

`markdown.py` sets texts, `shapes.py` lists, tables and pairs, `manner.py` knows what a spec
wants of each. All hand out escaped HTML with unseen characters marked.
"""

from escalation.admin.reading.manner import Manner
from escalation.admin.reading.markdown import show_text
from escalation.admin.reading.shapes import can_show, is_technical, show_value

__all__ = ["Manner", "can_show", "is_technical", "show_text", "show_value"]
