"""Statements that move the amounts of pots, and the parts of some: who writes them also rings, tells and asks.

Locks: pots in the order of their ids, after run and step. Read next: `orchestration/transitions/budget.py`.
"""

from typing import Final

from orchestration.budgets.reading import ABOVE, STATE
from orchestration.domain.events import EventKind
from orchestration.domain.waits import WaitsFor
from orchestration.domain.words import GOES_ON

# The nearest pot above has the largest id of those above: whoever stands above was there first.
OPEN: Final = f"""
WITH RECURSIVE {ABOVE}, held AS MATERIALIZED (
    SELECT s.id, s.run_id FROM orchestration_step s WHERE s.id = %(step)s AND @held FOR SHARE
), opened AS (
    INSERT INTO orchestration_pot (run_id, step_id, parent_id, unit, "limit", opened_with)
    SELECT h.run_id, h.id, (
        SELECT max(p.id) FROM above p WHERE p.unit = w.unit AND p.step_id IS DISTINCT FROM h.id
    ), w.unit, w.most, w.most FROM held h, unnest(%(units)s::text[], %(limits)s::bigint[]) AS w(unit, most)
    ON CONFLICT (step_id, unit) DO NOTHING
), flagged AS (
    UPDATE orchestration_agentcontext x SET has_budget = true FROM held h WHERE x.run_id = h.run_id AND NOT x.has_budget
)
SELECT id FROM held
"""
"""With the guard of a held step `s` in place of `@held`."""

LOCK: Final = f"""
SELECT {STATE} FROM orchestration_pot p WHERE p.id = ANY(%(pots)s::bigint[]) ORDER BY p.id FOR NO KEY UPDATE
"""

TAKE: Final = """
WITH asked AS (
    SELECT * FROM unnest(%(pots)s::bigint[], %(amounts)s::bigint[]) AS a(id, amount)
), taken AS (
    UPDATE orchestration_pot p SET reserved = p.reserved + a.amount,
        tight_at = CASE WHEN p.id = ANY(%(tight)s::bigint[]) THEN clock_timestamp() ELSE p.tight_at END
    FROM asked a WHERE p.id = a.id RETURNING p.id, p.unit, p.run_id, p.step_id, p."limit"
), noted AS (
    UPDATE orchestration_calltry t SET pots = %(pots)s::bigint[], reserved_tokens = %(tokens)s::bigint,
        reserved_micro_usd = %(micro_usd)s::bigint
    WHERE t.id = %(try)s
), tight AS (
    SELECT %(run)s::uuid AS run_id, %(step)s::bigint AS id, %(attempt)s::integer AS attempt,
        json_build_object('unit', unit, 'limit', "limit", 'of_run', run_id, 'of_step', step_id)::text AS said
    FROM taken WHERE id = ANY(%(tight)s::bigint[])
)"""
"""CTEs that reserve; `tight` has a line of the step that calls for each pot that becomes so."""

# Who asks counts while it is held for this very budget, and while it runs: on its way to that, or from it to its end.
# Else it may wait itself, for a budget about which another was the last to ask, and that one for it: both for ever.
ASKS: Final = """EXISTS (SELECT 1 FROM orchestration_step a WHERE a.id = p.asked_step AND (
        a.status = 'running' OR (a.status = 'held' AND (
            SELECT d.rule = 'budget' AND (d.inputs_json::json->'outcome'->>'pot')::bigint = p.id
            FROM orchestration_decision d WHERE d.step_id = a.id ORDER BY d.id DESC LIMIT 1))))"""
ASK: Final = f"""
UPDATE orchestration_pot p SET asked_step = %(step)s
WHERE p.id = %(pot)s AND (p.asked_step IS NULL OR p.asked_step = %(step)s OR NOT {ASKS}) RETURNING p.id
"""

# In line, as many as fit into what is free; of those that will never fit, one, if nobody asks about them. Who waits for
# no pot that is known goes and looks itself.
FITTING: Final = f"""waiting AS (
    SELECT s.id, r.priority, r.created_at, (d.said->>'pot')::bigint AS pot, (d.said->>'needed')::bigint AS needed
    FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
    CROSS JOIN LATERAL (SELECT d.inputs_json::json->'outcome' AS said FROM orchestration_decision d
                        WHERE d.step_id = s.id ORDER BY d.id DESC LIMIT 1) d
    WHERE s.status = 'available' AND s.waits_for = '{WaitsFor.BUDGET}' AND r.status IN {GOES_ON}
), short AS (
    SELECT w.*, p."limit" - p.spent - p.lost - p.reserved AS room,
        w.needed > p."limit" - p.spent - p.lost - p.overrun AS never_fits,
        coalesce(p.asked_step <> w.id AND {ASKS}, false) AS is_asked
    FROM waiting w LEFT JOIN orchestration_pot p ON p.id = w.pot
    WHERE %(pots)s::bigint[] IS NULL OR w.pot = ANY(%(pots)s::bigint[])
), judged AS (
    SELECT *, sum(needed) OVER line <= room AS fits, row_number() OVER line AS place FROM short
    WINDOW line AS (PARTITION BY pot, never_fits ORDER BY priority DESC, created_at, id)
), chosen AS (
    SELECT id FROM judged WHERE room IS NULL OR CASE WHEN never_fits THEN place = 1 AND NOT is_asked ELSE fits END
    ORDER BY priority DESC, created_at, id LIMIT %(limit)s)"""
"""CTEs of which the last gives the steps that may go on."""

# What was spent beyond the limit is spent within it, as far as the new one goes; then what open tickets would reserve.
_PAID: Final = "least(p.overrun, l.amount)"
_MET: Final = f"least(p.unmet, l.amount - {_PAID})"
TOP_UP: Final = f"""
WITH given AS (
    SELECT * FROM unnest(%(units)s::text[], %(amounts)s::bigint[]) AS g(unit, amount)
), locked AS (
    SELECT p.id, g.amount FROM orchestration_pot p JOIN given g ON g.unit = p.unit
    WHERE p.run_id = %(run)s AND p.step_id IS NOT DISTINCT FROM %(step)s::bigint ORDER BY p.id FOR NO KEY UPDATE OF p
), raised AS (
    UPDATE orchestration_pot p SET "limit" = p."limit" + l.amount, tight_at = NULL, used_up_at = NULL,
        spent = p.spent + {_PAID}, overrun = p.overrun - {_PAID},
        reserved = p.reserved + {_MET}, unmet = p.unmet - {_MET}
    FROM locked l WHERE p.id = l.id AND p."limit" + l.amount <= %(most)s
    RETURNING p.id, p.run_id, p.asked_step
)"""
"""CTEs that raise limits; `raised` has the pots."""

# A run that failed or was cancelled may be tried again, and needs something to do it with.
LOCK_OWNER: Final = """
SELECT r.id FROM orchestration_run r JOIN orchestration_run o ON o.id = r.root_id
WHERE r.id = %(run)s AND 'succeeded' NOT IN (r.status, o.status) FOR NO KEY UPDATE OF r
"""
TOPPED_UP: Final = f"""
SELECT e.data_json FROM orchestration_event e
WHERE e.run_id = %(run)s AND e.kind = '{EventKind.BUDGET_TOPPED_UP}' AND e.data_json::json->>'key' = %(key)s::text
"""
"""What the history of a run tells of a top-up under a key."""
_ASKED_FOR: Final = """
SELECT s.id, (d.said->>'pot')::bigint AS pot FROM orchestration_step s CROSS JOIN LATERAL (
    SELECT d.rule, d.inputs_json::json->'outcome' AS said FROM orchestration_decision d
    WHERE d.step_id = s.id ORDER BY d.id DESC LIMIT 1) d @joined
WHERE s.status = 'held' AND d.rule = 'budget'
"""
ASKED_FOR: Final = (
    f"{_ASKED_FOR.replace('@joined', '')} AND s.id = %(step)s AND (d.said->>'pot')::bigint = %(pot)s"
)
"""A step that is held since it asked a person about this budget."""

_POT: Final = "JOIN orchestration_pot p ON p.id = (d.said->>'pot')::bigint"
NEEDLESS: Final = f"""
{_ASKED_FOR.replace("@joined", _POT)} AND EXISTS (SELECT 1 FROM orchestration_pot a WHERE a.asked_step = s.id)
    AND (%(pot)s::bigint IS NULL OR p.id = %(pot)s::bigint)
    AND (d.said->>'needed')::bigint <= p."limit" - p.spent - p.lost - p.overrun
ORDER BY s.id LIMIT %(limit)s
"""
"""Steps that asked a person about a pot into which their call fits, now or once calls under way have ended."""
