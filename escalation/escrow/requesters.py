"""Who asked for the work that a ticket is about: they don't decide it."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Func, UUIDField, Value

_REQUESTERS = """(
WITH RECURSIVE asked AS (
    SELECT t.id, t.requested_by_id, t.forked_from_id
    FROM orchestration_run r JOIN orchestration_run t ON t.id = r.root_id WHERE r.id = %(expressions)s
    UNION
    SELECT t.id, t.requested_by_id, t.forked_from_id
    FROM asked a JOIN orchestration_run f ON f.id = a.forked_from_id JOIN orchestration_run t ON t.id = f.root_id
)
SELECT coalesce(array_agg(DISTINCT requested_by_id) FILTER (WHERE requested_by_id IS NOT NULL), '{}') FROM asked)"""


class RequestersOf(Func):
    """Who asked for the root of a run, and for what that was forked from, as a part of the ticket's own INSERT."""

    template = _REQUESTERS

    def __init__(self, run_id: UUID) -> None:
        """Take the run."""
        super().__init__(Value(run_id, UUIDField()), output_field=ArrayField(BigIntegerField()))
