"""What agents and customers wrote, as a person reads it: safe HTML in which nothing is hidden.

`markdown.py` sets texts, `shapes.py` lists, tables and pairs. Both hand out escaped HTML with unseen characters marked.
"""

from escalation.admin.reading.markdown import show_text
from escalation.admin.reading.shapes import can_show, is_technical, say_key, show_value

__all__ = ["can_show", "is_technical", "say_key", "show_text", "show_value"]
