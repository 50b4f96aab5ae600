"""A ticket says who asked for the work, so that none of them decides it."""

import django.contrib.postgres.fields
from django.db import migrations, models

# Closed tickets never change; nobody decides them any more.
TELL_OPEN = """
UPDATE escalation_ticket k SET requesters = coalesce((
    WITH RECURSIVE asked AS (
        SELECT t.id, t.requested_by_id, t.forked_from_id
        FROM orchestration_run r JOIN orchestration_run t ON t.id = r.root_id WHERE r.id = k.run_id
        UNION
        SELECT t.id, t.requested_by_id, t.forked_from_id
        FROM asked a JOIN orchestration_run f ON f.id = a.forked_from_id JOIN orchestration_run t ON t.id = f.root_id
    ) SELECT array_agg(DISTINCT requested_by_id) FROM asked WHERE requested_by_id IS NOT NULL), '{}')
WHERE k.status = 'open'
"""
# Of its own: it costs nothing on the writes that leave the column alone.
GUARD = """
CREATE FUNCTION escalation_requesters_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'who asked for the work of ticket % never changes', OLD.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER escalation_requesters_guard BEFORE UPDATE OF requesters ON escalation_ticket
    FOR EACH ROW WHEN (OLD.requesters IS DISTINCT FROM NEW.requesters)
    EXECUTE FUNCTION escalation_requesters_guard();
"""
UNGUARD = """
DROP TRIGGER escalation_requesters_guard ON escalation_ticket;
DROP FUNCTION escalation_requesters_guard();
"""


class Migration(migrations.Migration):
    """One column, told for the tickets that are open, and never changed again."""

    dependencies = (("escalation", "0013_clock_guards"), ("orchestration", "0022_usage_as_numbers"))

    operations = (
        migrations.AddField(
            model_name="ticket",
            name="requesters",
            field=django.contrib.postgres.fields.ArrayField(
                models.BigIntegerField(),
                default=list,
                help_text="Ids of whoever asked for the root run, and for what that was forked from: they don't decide.",
                size=None,
            ),
        ),
        migrations.RunSQL(TELL_OPEN, migrations.RunSQL.noop),
        migrations.RunSQL(GUARD, UNGUARD),
    )
