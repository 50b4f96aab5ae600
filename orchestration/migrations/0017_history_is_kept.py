"""Runs, steps and all that was written about them stay, whoever asks the database.

Rows that are written once may not be changed either. An attempt is written twice, when it starts and when it ends; a
hand-off's summary follows its row; runs and steps change as long as they live.
"""

from django.db import migrations

_ONCE = ("event", "receipt", "seal", "pastoutput", "decision", "workflow", "verifiertrial")
_KEPT = (*_ONCE, "attempt", "handoff", "step", "run")
_FORMER = {
    "event_is_append_only": "event",
    "workflow_is_immutable": "workflow",
    "receipt_is_immutable": "receipt",
    "seal_is_immutable": "seal",
    "past_output_is_immutable": "pastoutput",
}


def _guard(table: str) -> str:
    changes = "UPDATE OR DELETE" if table in _ONCE else "DELETE"
    return f"""
CREATE TRIGGER {table}_is_kept BEFORE {changes} ON orchestration_{table}
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER {table}_rows_are_kept BEFORE TRUNCATE ON orchestration_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""


_ENDED = """
CREATE TRIGGER attempt_ends_once BEFORE UPDATE ON orchestration_attempt
    FOR EACH ROW WHEN (OLD.outcome IS NOT NULL) EXECUTE FUNCTION ringmaster_keep_history();
"""
_DROP_FORMER = "".join(f"DROP TRIGGER {name} ON orchestration_{table};" for name, table in _FORMER.items())
_MAKE_FORMER = """
CREATE FUNCTION ringmaster_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are written once: % refused', TG_TABLE_NAME, TG_OP;
END $$;
""" + "".join(
    f"CREATE TRIGGER {name} BEFORE UPDATE{' OR DELETE' if table == 'event' else ''} ON orchestration_{table} "
    "FOR EACH ROW EXECUTE FUNCTION ringmaster_refuse_change();"
    for name, table in _FORMER.items()
)
GUARDS = f"{_DROP_FORMER} DROP FUNCTION ringmaster_refuse_change(); {''.join(map(_guard, _KEPT))} {_ENDED}"
UNGUARD = (
    "DROP TRIGGER attempt_ends_once ON orchestration_attempt;"
    + "".join(
        f"DROP TRIGGER {table}_rows_are_kept ON orchestration_{table}; "
        f"DROP TRIGGER {table}_is_kept ON orchestration_{table};"
        for table in _KEPT
    )
    + _MAKE_FORMER
)


class Migration(migrations.Migration):
    """Triggers."""

    dependencies = (("orchestration", "0016_renewals"), ("agents", "0006_history_is_kept"))

    operations = (migrations.RunSQL(GUARDS, UNGUARD),)
