"""What alike tickets have in common, and whose work was judged: told at the opening, for those that are there too."""

from django.db import migrations, models
from django.db.models import Q

# A closed ticket never changes again, so the guard rests while the columns are told. A grown step counts for the one
# of the workflow that it comes from; the sign that ends its name is that of `planned_name`.
TELL = """
ALTER TABLE escalation_ticket DISABLE TRIGGER escalation_ticket_guard;
UPDATE escalation_ticket t
SET agent = s.agent,
    alike = left(concat_ws(' ', r.project_id, r.workflow_name, regexp_replace(s.key, '[^A-Za-z0-9_-].*', ''), t.rule), 400)
FROM orchestration_step s JOIN orchestration_run r ON r.id = s.run_id
WHERE s.id = t.step_id;
ALTER TABLE escalation_ticket ENABLE TRIGGER escalation_ticket_guard;
"""

STAYS = """
CREATE FUNCTION escalation_ticket_alike_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.agent, NEW.alike) IS DISTINCT FROM (OLD.agent, OLD.alike) THEN
        RAISE EXCEPTION 'whose work is judged on ticket % never changes', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ticket_alike_stays BEFORE UPDATE OF agent, alike ON escalation_ticket
    FOR EACH ROW EXECUTE FUNCTION escalation_ticket_alike_stays();
"""
MAY_CHANGE = """
DROP TRIGGER ticket_alike_stays ON escalation_ticket;
DROP FUNCTION escalation_ticket_alike_stays();
"""


class Migration(migrations.Migration):
    """Two columns and their indexes; the rows are told before the indexes are made."""

    dependencies = (("escalation", "0014_requesters"),)

    operations = (
        migrations.AddField(
            model_name="ticket",
            name="agent",
            field=models.CharField(
                max_length=200, default="", help_text="Whose work is judged, as it was then."
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="alike",
            field=models.CharField(
                max_length=400,
                default="",
                help_text="What it has in common with alike tickets: project, workflow, step and rule.",
            ),
        ),
        migrations.RunSQL(TELL, migrations.RunSQL.noop),
        migrations.RunSQL(STAYS, MAY_CHANGE),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                fields=["alike", "-resolved_at"], condition=Q(status="resolved"), name="ticket_alike_resolved"
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                fields=["alike", "due_at"], condition=Q(status="open"), name="ticket_alike_open"
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                fields=["agent", "-resolved_at"],
                condition=Q(status="resolved", has_proposal=True),
                name="ticket_agent_resolved",
            ),
        ),
    )
