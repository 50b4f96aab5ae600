"""What a step receives: the outputs of the steps it needs, within the run's tokens per hand-off.

The claim has written a row per hand-off already; above that this room shortens them and says so in the rows.
Owns token counting and summaries; must not decide anything. Read next: `assemble.py`.
"""

from orchestration.counting import count_tokens
from orchestration.handoff.assemble import Handed, HandoffTerms, SummariesWanted, assemble_handoff
from orchestration.handoff.digest import write_digest
from orchestration.handoff.recalled import Recalled, find_nothing, fit_memories

__all__ = [
    "Handed",
    "HandoffTerms",
    "Recalled",
    "SummariesWanted",
    "assemble_handoff",
    "count_tokens",
    "find_nothing",
    "fit_memories",
    "write_digest",
]
