"""What is remembered beyond a run: versions under keys, in four scopes, and how they are written, found and forgotten.

A room of its own beside the engine, and a module for your code: `from orchestration import memory`. `rows.py` keeps
the versions, `writing.py` is how they are part of a finish, `looking.py` finds them as of a pin, `drafts.py` keeps
what nobody has accepted yet, `vectors.py` and `embedding.py` compare meanings where that is enabled, `desk.py` is the
door for people and programs. docs/adr/0047-memory.md
"""

from orchestration.memory.desk import find, forget, forget_about, history, list_current, recall, remember

__all__ = ["find", "forget", "forget_about", "history", "list_current", "recall", "remember"]
