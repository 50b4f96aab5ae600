"""What people's decisions teach about agents: what their confidence is worth, and which threshold meets a wish.

`judgements.py` reads what was decided, `domain/calibration.py` reckons, `calibrating.py` puts both together. Nothing is
changed here: a person takes a proposal over by publishing a new version of the workflow.
"""

from escalation.learning.calibrating import Calibration, calibrate, calibrate_agent, summarise_calibration
from escalation.learning.judgements import Work, list_judged_work

__all__ = ["Calibration", "Work", "calibrate", "calibrate_agent", "list_judged_work", "summarise_calibration"]
