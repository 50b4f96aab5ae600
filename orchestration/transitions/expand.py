"""running -> waiting: a step's claim ends with children, or with a child run, that it waits for.

Whoever cancels the run takes its row FOR UPDATE and then its open steps; growing locks the row as well, so either the
cancel sees the children or the growing finds the run ended. Of two that grow the second one waits for the first and
counts its steps: a limit holds however many grow at once. The children are joined to their parent by edges like any
other: the last one to be done makes it available again (`release.py`).
"""

import json
from dataclasses import replace
from typing import Any

from django.db import transaction

from orchestration.database.lines import of_line
from orchestration.database.statements import fetch_one
from orchestration.domain.plan import Child, Growth, check_growth
from orchestration.domain.rows import NewRun
from orchestration.domain.states import RunStatus, Stage, StepStatus
from orchestration.domain.words import LIVE
from orchestration.domain.work import AttemptEnd, Claim
from orchestration.errors import ClaimLost, IdempotencyConflict
from orchestration.history import EventKind
from orchestration.transitions.ending import ATTEMPT, BREAK_CHORD, DECISION, Ending, Part, end_claim
from orchestration.transitions.start import insert_run
from orchestration.transitions.vocabulary import NEW_STEP, insert_edges, insert_steps, next_position

_LIVE = f"SELECT status FROM orchestration_run WHERE id = %(run)s AND status IN {LIVE} FOR NO KEY UPDATE"
# Counted after the lock, in a statement of its own: one that waited for the lock sees what was there before it waited.
_COUNT = "SELECT count(*) AS number FROM orchestration_step WHERE run_id = %(run)s"
_CHILD = NEW_STEP | {"inherits": "boolean", "before": "integer", "handed": "integer"}
_LINK = {"from": "integer", "to": "integer", "carries": "boolean"}
_SENDER = {"from": "bigint", "to": "integer"}
_GROWN = insert_steps(
    f"""done d, {of_line("plan", _CHILD, "p")}, {next_position("(SELECT run_id FROM done)")} top,
        (SELECT count(*) AS number FROM inherited) i""",
    run="d.run_id",
    before="p.before + p.handed + CASE WHEN p.inherits THEN i.number ELSE 0 END",
    starts="p.before = 0",
    first="top.position",
    parent_id="d.id",
    depth="d.depth + 1",
)
# An heir is told by its kind: a join of what was grown with the plan, by index, would compare each with each.
_JOINED = insert_edges(f"""
    SELECT g.run_id, g.id, d.id, false, false, true FROM done d, grown g
    UNION ALL
    SELECT g.run_id, i.predecessor_id, g.id, true, i.is_optional, false
    FROM done d, grown g, inherited i WHERE g.kind = ANY(d.heirs)
    UNION ALL
    SELECT g.run_id, e.from, g.id, true, false, false
    FROM done d, {of_line("senders", _SENDER, "e")} JOIN grown g ON g.index = e.to
    UNION ALL
    SELECT a.run_id, a.id, b.id, e.carries, false, false
    FROM done d, {of_line("links", _LINK, "e")} JOIN grown a ON a.index = e.from JOIN grown b ON b.index = e.to""")
_EXPAND = Ending(
    StepStatus.RUNNING,
    (StepStatus.WAITING,),
    EventKind.STEP_EXPANDED,
    sets="""stage = g.stage, reason = '', proposed_json = coalesce(g.proposed, s.proposed_json),
        predecessor_count = s.predecessor_count + json_array_length(g.plan)""",
    parts=(
        ATTEMPT,
        DECISION,
        Part(
            "inherited",
            """SELECT e.predecessor_id, e.is_optional FROM done d JOIN orchestration_edge e ON e.successor_id = d.id
    WHERE e.carries_data AND NOT e.is_child""",
        ),
        Part("grown", f"{_GROWN} RETURNING id, run_id, index, status, kind"),
        Part("joined", _JOINED),
        BREAK_CHORD,
    ),
    columns={
        "stage": "text",
        "proposed": "text",
        "plan": "json",
        "links": "json",
        "senders": "json",
        "heirs": "text[]",
    },
    returned="s.id, s.run_id, s.attempt, s.depth",
    answer="""
SELECT d.id AS step, array(SELECT id FROM grown WHERE status = 'available' ORDER BY index) AS available FROM done d""",
)


def expand_step(claim: Claim, end: AttemptEnd, growth: Growth) -> list[int]:
    """Move a running step to `waiting` and write the children it grew.

    Returns: the children that are available at once, in order; dispatch them after the commit.
    Raises: ClaimLost: the claim passed on, or the run ended.  LimitExceeded: with what others grew meanwhile it is
        too much. In both cases nothing was written.
    """
    with transaction.atomic():
        _lock_run(claim)
        if growth.limits is not None:
            run_steps = fetch_one(_COUNT, {"run": claim.run.run_id}).number
            check_growth(len(growth.children), run_steps, claim.depth + 1, growth.limits)
        return _expand(claim, end, growth)


def start_child_run(claim: Claim, end: AttemptEnd, new: NewRun) -> list[int]:
    """Move a running step to `waiting` and start the run that it waits for, in one transaction.

    Returns: the child run's steps that are available at once.
    Raises: ClaimLost. IdempotencyConflict: another run has its key. In both cases nothing was written.
    """
    with transaction.atomic():
        is_paused = _lock_run(claim) is RunStatus.PAUSED
        _expand(claim, end, Growth(Stage.CHILD_RUN, end.rule, ()))
        inserted = insert_run(replace(new, is_paused=is_paused))
        if inserted is None:
            raise IdempotencyConflict(f"another run has the idempotency key '{new.idempotency_key}'")
    return inserted[1]


def _lock_run(claim: Claim) -> RunStatus:
    live = fetch_one(_LIVE, {"run": claim.run.run_id})
    if live is None:
        raise ClaimLost(f"run {claim.run.run_id} has ended; step {claim.step_id} can't grow any more")
    return RunStatus(live.status)


def _expand(claim: Claim, end: AttemptEnd, growth: Growth) -> list[int]:
    children = growth.children
    links = [(before, child.index, True) for child in children for before in child.needs]
    links += [(before, child.index, False) for child in children for before in child.after]
    row = end_claim(
        _EXPAND,
        claim,
        end,
        event=json.dumps({"rule": end.rule, "stage": growth.stage, "children": len(children)}),
        stage=growth.stage,
        proposed=growth.proposed_json,
        plan=[_describe(place, child) for place, child in enumerate(children)],
        links=[{"from": before, "to": after, "carries": carries} for before, after, carries in links],
        senders=[{"from": step, "to": child.index} for child in children for step in child.senders],
        heirs=sorted({str(child.kind) for child in children if child.inherits}),
    )
    return list(row.available)


def _describe(place: int, child: Child) -> dict[str, Any]:
    return {
        "n": place,
        "key": child.key,
        "spec_key": child.spec_key,
        "spec_json": child.spec_json,
        "kind": child.kind,
        "index": child.index,
        "item_json": child.item_json,
        "agent": child.agent,
        "queue": child.queue,
        "timeout_seconds": child.timeout_seconds,
        "gated": child.gated,
        "pools": dict(child.pools),
        "inherits": child.inherits,
        "before": len(child.needs) + len(child.after),
        "handed": len(child.senders),
    }
