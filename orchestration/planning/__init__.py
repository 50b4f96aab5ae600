"""From specs to the rows of a plan. Must not write: `transitions/` does.

`run.py` plans a run's start, `growth.py` what a step grows, `terms.py` says how an agent is run,
`undo.py` what an aborted run undoes.
"""

from orchestration.planning.doers import find_first_doers
from orchestration.planning.ending import foresee_end
from orchestration.planning.growth import (
    SummaryWish,
    plan_items,
    plan_spawned,
    plan_summaries,
    plan_verifiers,
)
from orchestration.planning.run import (
    Plan,
    check_input,
    describe_new_run,
    find_latest,
    load_plan,
    load_version,
    plan_run,
    write_input,
)
from orchestration.planning.terms import Terms, find_terms, get_limits, is_gated
from orchestration.planning.undo import plan_undo

__all__ = [
    "Plan",
    "SummaryWish",
    "Terms",
    "check_input",
    "describe_new_run",
    "find_first_doers",
    "find_latest",
    "find_terms",
    "foresee_end",
    "get_limits",
    "is_gated",
    "load_plan",
    "load_version",
    "plan_items",
    "plan_run",
    "plan_spawned",
    "plan_summaries",
    "plan_undo",
    "plan_verifiers",
    "write_input",
]
