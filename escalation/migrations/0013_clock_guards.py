"""Due times change only with a re-plan, clocks stand still only with a pause, and what was told of clocks stays."""

from django.db import migrations

_ONCE = ("calendarversion", "replan", "clockwarning", "alarm", "breachdeed")


def _guard(table: str) -> str:
    changes = "UPDATE OR DELETE" if table in _ONCE else "DELETE"
    return f"""
CREATE TRIGGER {table}_is_kept BEFORE {changes} ON escalation_{table}
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER {table}_rows_are_kept BEFORE TRUNCATE ON escalation_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""


def _unguard(table: str) -> str:
    return (
        f"DROP TRIGGER {table}_rows_are_kept ON escalation_{table};"
        f"DROP TRIGGER {table}_is_kept ON escalation_{table};"
    )


KEEP = "".join(map(_guard, (*_ONCE, "pause")))
UNKEEP = "".join(map(_unguard, (*_ONCE, "pause")))

PAUSE_ENDS_ONCE = """
CREATE FUNCTION escalation_pause_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR (NEW.ticket_id, NEW.started_at, NEW.resume_at, NEW.cause, NEW.reason, NEW.by_id)
        IS DISTINCT FROM (OLD.ticket_id, OLD.started_at, OLD.resume_at, OLD.cause, OLD.reason, OLD.by_id) THEN
        RAISE EXCEPTION 'a pause ends once, and nothing else of it ever changes (pause %)', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER pause_ends_once BEFORE UPDATE ON escalation_pause
    FOR EACH ROW EXECUTE FUNCTION escalation_pause_guard();
"""
PAUSE_FREE = """
DROP TRIGGER pause_ends_once ON escalation_pause;
DROP FUNCTION escalation_pause_guard();
"""

# The other direction of the ticket's guard: a re-plan that its ticket did not follow can't be committed.
REPLAN_IS_CARRIED_OUT = """
CREATE FUNCTION escalation_replan_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM escalation_ticket WHERE id = NEW.ticket_id AND replan_number >= NEW.number) THEN
        RAISE EXCEPTION 're-plan % of ticket % was not carried out', NEW.number, NEW.ticket_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER replan_is_carried_out AFTER INSERT ON escalation_replan
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION escalation_replan_guard();
"""
REPLAN_FREE = """
DROP TRIGGER replan_is_carried_out ON escalation_replan;
DROP FUNCTION escalation_replan_guard();
"""

JUDGED = (
    "run_id, step_id, attempt, subject, rule, reason, sla, seen_json, seen_digest, has_proposal, confidence, opened_at"
)
TIMES = "first_touch_due_at, due_at"


def _of(row: str, columns: str) -> str:
    return ", ".join(f"{row}.{column}" for column in columns.split(", "))


_HEAD = """
CREATE OR REPLACE FUNCTION escalation_ticket_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'open' THEN
        RAISE EXCEPTION 'ticket % is % and never changes again', OLD.id, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
"""
_SAME = """
    IF ({new}) IS DISTINCT FROM ({old}) THEN
        RAISE EXCEPTION 'what is judged on ticket % never changes', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
"""
_CLOCKS = """
    IF (NEW.first_touch_due_at, NEW.due_at, NEW.calendar_version_id, NEW.replan_number)
        IS DISTINCT FROM (OLD.first_touch_due_at, OLD.due_at, OLD.calendar_version_id, OLD.replan_number)
        AND (NEW.replan_number <> OLD.replan_number + 1 OR NOT EXISTS (
            SELECT FROM escalation_replan r WHERE r.ticket_id = NEW.id AND r.number = NEW.replan_number
            AND (r.first_touch_due_before, r.due_before) = (OLD.first_touch_due_at, OLD.due_at)
            AND (r.first_touch_due_after, r.due_after) = (NEW.first_touch_due_at, NEW.due_at)
            AND (r.calendar_before_id, r.calendar_after_id)
                IS NOT DISTINCT FROM (OLD.calendar_version_id, NEW.calendar_version_id))) THEN
        RAISE EXCEPTION 'the due time of ticket % never changes without a re-plan that says so', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.paused_at IS DISTINCT FROM OLD.paused_at AND NEW.paused_at IS DISTINCT FROM (
        SELECT started_at FROM escalation_pause WHERE ticket_id = NEW.id AND ended_at IS NULL) THEN
        RAISE EXCEPTION 'the clocks of ticket % stand still with a pause only', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
"""
_TAIL = """
    RETURN NEW;
END $$;
"""
_WITHIN = f"{JUDGED}, first_touch_within, resolution_within"
GUARD = _HEAD + _SAME.format(new=_of("NEW", _WITHIN), old=_of("OLD", _WITHIN)) + _CLOCKS + _TAIL
_FORMER = f"{JUDGED}, {TIMES}"
FORMER_GUARD = _HEAD + _SAME.format(new=_of("NEW", _FORMER), old=_of("OLD", _FORMER)) + _TAIL


class Migration(migrations.Migration):
    """Triggers."""

    dependencies = (("escalation", "0012_clocks"), ("agents", "0006_history_is_kept"))

    operations = (
        migrations.RunSQL(KEEP, UNKEEP),
        migrations.RunSQL(PAUSE_ENDS_ONCE, PAUSE_FREE),
        migrations.RunSQL(REPLAN_IS_CARRIED_OUT, REPLAN_FREE),
        migrations.RunSQL(GUARD, FORMER_GUARD),
    )
