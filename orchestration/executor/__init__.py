"""One attempt as a pipeline: claim -> assemble -> invoke -> decide -> write -> release -> dispatch.

`pipeline.py` is the main path and the file to read first; `prepare.py` makes the agent's task, `conclusion.py` writes
what came of it as `judging.py` decides, `proof.py` builds the receipt; `deadlines.py` says how much time is left.
Each stage is a value handed to the next. While the agent works no transaction is held, and a connection only for an
agent that is quick (`lending.py`). Threads that claim or finish at the same time share a statement (`together.py`).
"""

from orchestration.executor.admission import mute_breakers
from orchestration.executor.conclusion import Crash, conclude, conclude_surely
from orchestration.executor.pipeline import Host, perform
from orchestration.executor.prepare import get_spec_or_plain, load_facts
from orchestration.executor.slots import ring_next

__all__ = [
    "Crash",
    "Host",
    "conclude",
    "conclude_surely",
    "get_spec_or_plain",
    "load_facts",
    "mute_breakers",
    "perform",
    "ring_next",
]
