"""The parts of a statement that ends tries of calls: they book what the tries reserved, in every pot above them.

Pots are locked in the order of their ids, as everybody takes them; what is added to a row is added to what it holds
under that lock, never to what was read before.
"""

from collections.abc import Mapping
from typing import Final

from orchestration.budgets.reading import STATE

ENDED: Final = "t.pots, t.state, t.reserved_tokens, t.reserved_micro_usd, t.tokens, t.cost_micro_usd"
"""What the UPDATE of the tries `t` must return for `book`."""

_RESERVED = """CASE c.unit WHEN 'tokens' THEN t.reserved_tokens WHEN 'micro_usd' THEN t.reserved_micro_usd
            WHEN 'calls' THEN 1 ELSE 0 END"""
_USED = (
    "CASE c.unit WHEN 'tokens' THEN t.tokens WHEN 'micro_usd' THEN t.cost_micro_usd WHEN 'calls' THEN 1 END"
)
# What can't be known counts in full: as spent of a call that answered, as lost of one that did not. An answer that came
# too late is lost, too, for what it really cost; what that is beyond what was reserved is spent, as of any call.
_SPENT = f"""CASE t.state WHEN 'lost' THEN greatest({_USED} - {_RESERVED}, 0) WHEN 'withdrawn' THEN 0
        WHEN 'done' THEN coalesce({_USED}, {_RESERVED}) ELSE coalesce({_USED}, 0) END"""
_LOST = f"""CASE WHEN t.state = 'lost' THEN least({_USED}, {_RESERVED})
        WHEN t.state = 'failed' AND {_USED} IS NULL THEN {_RESERVED} ELSE 0 END"""
# What was billed beyond the limit is the first to take what comes back: nobody may spend that a second time.
_USED_UP = "p.spent + p.overrun + o.spent"
_ROOM = 'p."limit" - p.lost - o.lost - (p.reserved - o.reserved)'


def book(tries: str, *, is_late: bool = False) -> Mapping[str, str]:
    """Return CTEs by name: the pots that ended tries concern, what they owe them, and the booking.

    Args: tries: the CTE that ended them; it returns `ENDED`.
        is_late: they were lost at all that they had reserved, and what they cost has become known.
    """
    reserved, lost = ("0", f"{_LOST} - {_RESERVED}") if is_late else (_RESERVED, _LOST)
    return {
        "concerned": f"""
    SELECT p.id, p.unit FROM orchestration_pot p WHERE p.id IN (SELECT unnest(t.pots) FROM {tries} t)
    ORDER BY p.id FOR NO KEY UPDATE""",
        "owed": f"""
    SELECT c.id, sum({reserved})::bigint AS reserved, sum({_SPENT})::bigint AS spent, sum({lost})::bigint AS lost
    FROM concerned c JOIN {tries} t ON c.id = ANY(t.pots) GROUP BY c.id""",
        "booked": f"""
    UPDATE orchestration_pot p SET reserved = p.reserved - o.reserved, lost = p.lost + o.lost,
        spent = least({_USED_UP}, {_ROOM}), overrun = greatest({_USED_UP} - ({_ROOM}), 0)
    FROM owed o WHERE p.id = o.id RETURNING {STATE}""",
    }
