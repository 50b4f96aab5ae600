"""A plan as a picture: nodes and edges become Mermaid, Mermaid becomes SVG, and that is made safe to inline.

`growing.py` places what steps have grown, `folding.py` keeps it readable, `mermaid.py` has it laid out, `svg.py`
draws it where the layout says. No
inline style anywhere: classes name the status and console.css colours them, in light and in dark.
"""

from orchestration.admin.picture.draw import MOST_ABREAST, Picture, draw_plan
from orchestration.admin.picture.folding import APART, URGENCY, PlanNode, say_counts

__all__ = ["APART", "MOST_ABREAST", "URGENCY", "Picture", "PlanNode", "draw_plan", "say_counts"]
