"""The console's pages of what is remembered: the list, a key with its versions, writing and forgetting.

1. `lists.py`, `page.py`        the list as it stands or stood, and the page of one key
2. `writing.py`, `forgetting.py` what people may do, each asked for on a page of its own
3. `of_runs.py`                 what the steps of a run, a step or an actor wrote and looked up
4. `lines.py`                   what the pages share
"""

from orchestration.admin.memory.lists import MemoryAdmin

__all__ = ["MemoryAdmin"]
