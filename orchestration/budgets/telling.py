"""Budgets of people's time that are used up, and that nobody was told of yet: each is taken once, and then told.

What books tickets marks them, with the step whose ticket it was (migration 0049).
"""

from typing import Final, NamedTuple

from orchestration.budgets.rows import Pot
from orchestration.database.statements import fetch_one

_TAKE: Final = """
WITH taken AS (
    SELECT p.id, p.used_up_step FROM orchestration_pot p
    WHERE p.id = %(pot)s AND p.used_up_step IS NOT NULL FOR NO KEY UPDATE
)
UPDATE orchestration_pot p SET used_up_step = NULL FROM taken t WHERE p.id = t.id
RETURNING p."limit", p.overrun + p.unmet AS beyond, t.used_up_step AS by_step,
    (SELECT o.key FROM orchestration_step o WHERE o.id = p.step_id) AS step_key
"""


class UsedUp(NamedTuple):
    """A budget of people's time of which nothing is left. `by_step`: whose ticket that was.

    Attributes: limit, beyond: in seconds.  step_key: whose it is; None: the run's.
    """

    limit: int
    beyond: int
    by_step: int
    step_key: str | None


def list_untold(most: int) -> list[int]:
    """Return the pots that are used up, and of which nobody was told."""
    return list(
        Pot.objects.filter(used_up_step__isnull=False).order_by("pk").values_list("pk", flat=True)[:most]
    )


def take_untold(pot_id: int) -> UsedUp | None:
    """Take a pot to tell of it in the caller's transaction; None: somebody else has."""
    row = fetch_one(_TAKE, {"pot": pot_id})
    return None if row is None else UsedUp(row.limit, row.beyond, row.by_step, row.step_key)
