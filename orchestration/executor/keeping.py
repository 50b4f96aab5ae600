"""The state of an actor, read for one attempt of its turn."""

from typing import Any, Final

from agents.domain.keeping import STATE_KEY, KeptState, read_state_version
from orchestration.database.statements import fetch_one
from orchestration.domain.work import Claim

# What was there when the turn began, which its run's input says, or what the turn itself has made of it since. A parked
# turn comes late: it sees what there is.
_STATE: Final = """
SELECT m.version, m.value_json FROM orchestration_memory m
WHERE m.project_id = %(project)s AND m.scope = 'actor' AND m.scope_id = %(actor)s AND m.key = %(key)s
  AND (m.version <= %(version)s OR m.run_id = %(run)s
       OR (SELECT r.is_parked FROM orchestration_run r WHERE r.id = %(run)s))
ORDER BY m.version DESC LIMIT 1
"""


def load_state(claim: Claim, run_input: Any) -> KeptState:
    """Return what the actor keeps whose turn a step works for; what a person had forgotten is nothing."""
    about = {
        "project": claim.run.project_id,
        "actor": claim.run.actor,
        "key": STATE_KEY,
        "version": read_state_version(run_input),
        "run": claim.run.run_id,
    }
    row = fetch_one(_STATE, about)
    return KeptState(None, 0) if row is None else KeptState(row.value_json, row.version)
