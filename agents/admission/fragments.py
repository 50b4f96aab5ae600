"""Pieces of SQL that the engine puts into its own statements: what a healthy step pays for breakers and pools."""

from typing import Final

IS_CLOSED: Final = """NOT EXISTS (
    SELECT 1 FROM agents_breaker k WHERE k.agent = split_part(s.agent, '@', 1) AND k.state <> 'closed')"""
"""Condition on a step `s`: its agent's breaker keeps nothing away. One look by primary key, in a table that holds
only agents that ever failed too often. A step that fails it is asked about with `admit`."""

GIVE_BACK: Final = "DELETE FROM agents_poolslot WHERE token = %(token)s AND EXISTS (SELECT 1 FROM done)"
"""Body of a CTE beside one named `done` (the claim that ended): what the claim held is free in the same commit."""
