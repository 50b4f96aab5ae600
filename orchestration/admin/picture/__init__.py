"""A plan as a picture: nodes and edges become Mermaid, Mermaid becomes SVG, and that is made safe to inline.

`folding.py` keeps it readable, `mermaid.py` has it laid out, `svg.py` draws it where the layout says. No
inline style anywhere: classes name the status and console.css colours them, in light and in dark.
"""

from orchestration.admin.picture.draw import Picture, draw_plan
from orchestration.admin.picture.folding import URGENCY, PlanNode

__all__ = ["URGENCY", "Picture", "PlanNode", "draw_plan"]
