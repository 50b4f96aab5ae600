"""How a run spent its time, as a picture: a line per step, a band per attempt, and what lies between them.

`spans.py` says what a step did when, `scale.py` squeezes the hours in which nothing ran, `lanes.py` puts grown steps
below those that grew them, `svg.py` draws. Pure but for what is handed in; colours are console.css's.
"""

from orchestration.admin.timeline.lanes import Lane, Times, build_lanes
from orchestration.admin.timeline.svg import TONES, draw_timeline, find_tone

__all__ = ["TONES", "Lane", "Times", "build_lanes", "draw_timeline", "find_tone"]
