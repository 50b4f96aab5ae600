"""Keeps what agents do to database connections away from whoever comes after them.

`base.py` is the backend that settings name (`ENGINE = "agents.sessions"`): Django's own, which puts a session right
before its pool gets it back. `apart.py` gives each call connections of its own.
docs/adr/0021-habits-end-with-the-agent.md.
"""

from agents.sessions.apart import keep_for_engine, put_away, take_aside
from agents.sessions.base import share_pool

__all__ = ["keep_for_engine", "put_away", "share_pool", "take_aside"]
