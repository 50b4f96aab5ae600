"""History stays: what is written once is neither changed nor taken away, whoever asks the database.

The function stands in this app because every other app's tables may name it. `manage.py grant_runtime_role` reads from
the triggers that call it what a role without tables of its own may do.
"""

from django.db import migrations

# Whoever does not own a table can't lift the guard by the setting: retention is for its owner.
KEEP = """
CREATE FUNCTION ringmaster_keep_history() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    has_rows boolean;
    way_out text := '';
BEGIN
    IF TG_OP <> 'UPDATE' AND current_setting('ringmaster.retention', true) = 'on' AND
       pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I)', TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO has_rows;
        IF NOT has_rows THEN
            RETURN NULL;
        END IF;
    END IF;
    IF TG_OP <> 'UPDATE' THEN
        way_out := 'The owner of the table may: SET LOCAL ringmaster.retention = ''on'' first.';
    END IF;
    RAISE EXCEPTION '% rows are kept as they were written: % refused', TG_TABLE_NAME, TG_OP USING
        ERRCODE = 'restrict_violation', HINT = way_out;
END $$;
"""
FORGET = "DROP FUNCTION ringmaster_keep_history();"

GUARD = """
DROP TRIGGER breaker_event_is_append_only ON agents_breakerevent;
DROP FUNCTION ringmaster_refuse_breaker_event_change();
CREATE TRIGGER breaker_event_is_kept BEFORE UPDATE OR DELETE ON agents_breakerevent
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER breaker_events_are_kept BEFORE TRUNCATE ON agents_breakerevent
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER breaker_events_are_kept ON agents_breakerevent;
DROP TRIGGER breaker_event_is_kept ON agents_breakerevent;
CREATE FUNCTION ringmaster_refuse_breaker_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are written once: % refused', TG_TABLE_NAME, TG_OP;
END $$;
CREATE TRIGGER breaker_event_is_append_only BEFORE UPDATE OR DELETE ON agents_breakerevent
    FOR EACH ROW EXECUTE FUNCTION ringmaster_refuse_breaker_event_change();
"""


class Migration(migrations.Migration):
    """The function, and a breaker's history."""

    dependencies = (("agents", "0005_count_calls_beforehand"),)

    operations = (migrations.RunSQL(KEEP, FORGET), migrations.RunSQL(GUARD, UNGUARD))
