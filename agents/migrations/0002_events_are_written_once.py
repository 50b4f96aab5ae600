"""The guard that only the database can hold: a breaker's history is append-only."""

from django.db import migrations

GUARD = """
CREATE FUNCTION ringmaster_refuse_breaker_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('ringmaster.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% rows are written once: % refused', TG_TABLE_NAME, TG_OP
        USING HINT = 'To delete by a retention rule, SET LOCAL ringmaster.retention = ''on'' first.';
END $$;
CREATE TRIGGER breaker_event_is_append_only BEFORE UPDATE OR DELETE ON agents_breakerevent
    FOR EACH ROW EXECUTE FUNCTION ringmaster_refuse_breaker_event_change();
"""
UNGUARD = """
DROP TRIGGER breaker_event_is_append_only ON agents_breakerevent;
DROP FUNCTION ringmaster_refuse_breaker_event_change();
"""


class Migration(migrations.Migration):
    """The trigger."""

    dependencies = (("agents", "0001_breakers_and_pools"),)

    operations = (migrations.RunSQL(GUARD, UNGUARD),)
