"""Pure decisions: values in, values out. No Django, no Celery, no clock, no randomness."""

import sys
from types import ModuleType

# The library of expressions loads its own command line with itself, and with that a terminal's whole toolkit: more
# than all else that a command of ours loads. Nobody calls it from here, so an empty module stands in its place.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
