"""How memories are found: as of a pin, by key, or by what they are like.

A pin is a snapshot of the database's: which transactions had committed. Each version names the transaction that wrote
it and the one that replaced it, so that a pin says for ever what was there, whatever any clock showed. Where a whole
run is one transaction, as in a test, the pin tells by the rows' numbers what that transaction had written.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from agents.domain.canonical import canonical_json
from agents.domain.notebook import Found, Hit, MemoryScope, Question
from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.receipts import stamp
from orchestration.memory.embedding import embed_text, get_embedder
from orchestration.memory.vectors import compare

POOL: Final = 200
"""So many of each order are merged."""
CONSTANT: Final = 60
"""Of reciprocal rank fusion."""
# A question is words of which any may be there: each but those that say nothing counts.
ANY_WORD: Final = "replace(plainto_tsquery('english', {})::text, ' & ', ' | ')::tsquery"
_TAKE_PIN: Final = """
SELECT clock_timestamp() AS at, pg_snapshot_xmin(p)::text::bigint AS low, pg_snapshot_xmax(p)::text::bigint AS high,
    array(SELECT x::text::bigint FROM pg_snapshot_xip(p) x) AS open,
    coalesce(pg_current_xact_id_if_assigned()::text::bigint, 0) AS own,
    (SELECT last_value FROM orchestration_memory_id_seq) AS last
FROM pg_current_snapshot() p
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """As of when memories are looked up.

    Attributes: at: what had expired by then.  low: transactions below it had ended.  high: from it on none had begun.
        open: those between that had not ended.  own: in which the pin was taken; 0: in none that had written.
        last: up to which row that one had written.
    """

    at: str
    low: int
    high: int
    open: tuple[int, ...]
    own: int
    last: int

    @property
    def json(self) -> str:
        """Return it as it is kept."""
        return canonical_json(
            {
                "at": self.at,
                "low": str(self.low),
                "high": str(self.high),
                "open": [str(number) for number in self.open],
                "own": str(self.own),
                "last": str(self.last),
            }
        )

    @classmethod
    def read(cls, pin_json: str) -> Self:
        """Return a pin that was kept."""
        said = json.loads(pin_json)
        low, high, own, last = (int(said[name]) for name in ("low", "high", "own", "last"))
        return cls(said["at"], low, high, tuple(map(int, said["open"])), own, last)

    @property
    def parameters(self) -> dict[str, Any]:
        """Return what `AS_OF` reads."""
        return {
            "at": datetime.fromisoformat(self.at),
            "low": self.low,
            "high": self.high,
            "open": list(self.open),
            "own": self.own,
            "last": self.last,
        }


def take_pin() -> Pin:
    """Return the state of all memories as of now."""
    row = fetch_one(_TAKE_PIN, {})
    return Pin(stamp(row.at), row.low, row.high, tuple(row.open), row.own, row.last)


def _was_there(transaction: str, row: str) -> str:
    """Return the condition that a pin saw what a transaction wrote as a row."""
    return f"""CASE WHEN {transaction} = %(own)s THEN {row} <= %(last)s ELSE {transaction} < %(low)s
        OR ({transaction} < %(high)s AND {transaction} <> ALL(%(open)s::bigint[])) END"""


_IN_SCOPE: Final = "m.project_id = %(project)s AND m.scope = %(scope)s AND m.scope_id = %(scope_id)s"
AS_OF: Final = f"""{_was_there("m.written_in", "m.id")}
    AND (m.replaced_by IS NULL OR NOT ({_was_there("m.replaced_in", "m.replaced_by")}))
    AND m.value_json IS NOT NULL AND (m.expires_at IS NULL OR m.expires_at > %(at)s::timestamptz)"""
_BY_KEY: Final = f"""
SELECT m.id, m.digest, 0.0::float8 AS score FROM orchestration_memory m
WHERE {_IN_SCOPE} AND m.key = %(key)s AND {AS_OF}
"""
_BY_WORDS: Final = f"""
    SELECT m.id, row_number() OVER (ORDER BY ts_rank(m.words, q, 1) DESC, m.id DESC) AS place
    FROM orchestration_memory m,
        (SELECT {ANY_WORD.format("%(like)s")} AS q) asked
    WHERE {_IN_SCOPE} AND m.words @@ q AND {AS_OF} ORDER BY place LIMIT {POOL}"""
_BY_MEANING: Final = f"""
    SELECT n.id, row_number() OVER (ORDER BY n.distance, n.id DESC) AS place FROM (
        SELECT m.id, @distance AS distance
        FROM orchestration_memory m JOIN orchestration_memoryvector v ON v.memory_id = m.id AND v.embedder = @embedder
        WHERE {_IN_SCOPE} AND {AS_OF} ORDER BY @order LIMIT {POOL}) n"""
_FUSED: Final = f"""
SELECT m.id, m.digest, round(sum(1.0 / ({CONSTANT} + h.place)), 9)::float8 AS score
FROM (@hits) h JOIN orchestration_memory m ON m.id = h.id
GROUP BY m.id ORDER BY score DESC, m.id DESC LIMIT %(limit)s
"""
_WORDS_ONLY: Final = _FUSED.replace("@hits", f"({_BY_WORDS})")
_BOTH: Final = _FUSED.replace("@hits", f"({_BY_WORDS}) UNION ALL ({_BY_MEANING})")


def look(project_id: int, scope_id: str, question: Question, pin: Pin) -> list[Found]:
    """Return what answers a question within a scope, as of a pin, the best first.

    A text is compared by words and, where vectors are enabled, by meaning; both orders are merged by reciprocal rank.
    """
    about = {
        "project": project_id,
        "scope": str(question.scope),
        "scope_id": scope_id,
        "key": question.key,
        "like": question.like,
        "limit": question.limit,
        **pin.parameters,
    }
    if not question.is_recall:
        return [Found(*row) for row in fetch_all(_BY_KEY, about)]
    vector = embed_text(question.like)
    rows = None if vector is None else compare(_BOTH, about, vector, embedder=get_embedder().name)
    return [Found(*row) for row in (fetch_all(_WORDS_ONLY, about) if rows is None else rows)]


_LOAD: Final = """
SELECT m.id, m.scope, m.key, m.value_json, m.version, m.valid_from, m.run_id, s.key AS step_key, a.number AS attempt,
    a.agent, m.person_name, m.digest
FROM orchestration_memory m LEFT JOIN orchestration_step s ON s.id = m.step_id
LEFT JOIN orchestration_attempt a ON a.id = m.attempt_id
WHERE m.id = ANY(%(ids)s::bigint[]) AND m.value_json IS NOT NULL
"""


def read_hits(found: list[Found]) -> list[Hit]:
    """Return memories with values and writers, in the order in which they were found; what is forgotten is left out."""
    if not found:
        return []
    rows = {row.id: row for row in fetch_all(_LOAD, {"ids": [one.id for one in found]})}
    return [_describe(rows[one.id], one.score) for one in found if one.id in rows]


def _describe(row: Any, score: float) -> Hit:
    return Hit(
        scope=MemoryScope(row.scope),
        key=row.key,
        value=json.loads(row.value_json),
        version=row.version,
        written_at=row.valid_from,
        run_id=None if row.run_id is None else str(row.run_id),
        step_key=row.step_key or "",
        attempt=row.attempt,
        agent=row.agent or "",
        person=row.person_name,
        digest=row.digest,
        score=score,
        id=row.id,
    )
