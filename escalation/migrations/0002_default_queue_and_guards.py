"""The default project's default queue, and the trigger that lets a ticket be decided once."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

FORBID_CHANGES = """
CREATE FUNCTION escalation_ticket_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'open' THEN
        RAISE EXCEPTION 'ticket % is % and never changes again', OLD.id, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.run_id, NEW.step_id, NEW.attempt, NEW.rule, NEW.reason, NEW.sla, NEW.seen_json, NEW.seen_digest,
        NEW.has_proposal, NEW.confidence, NEW.opened_at, NEW.first_touch_due_at, NEW.due_at)
        IS DISTINCT FROM
       (OLD.run_id, OLD.step_id, OLD.attempt, OLD.rule, OLD.reason, OLD.sla, OLD.seen_json, OLD.seen_digest,
        OLD.has_proposal, OLD.confidence, OLD.opened_at, OLD.first_touch_due_at, OLD.due_at) THEN
        RAISE EXCEPTION 'what is judged on ticket % never changes', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER escalation_ticket_guard BEFORE UPDATE ON escalation_ticket
    FOR EACH ROW EXECUTE FUNCTION escalation_ticket_guard();
"""
ALLOW_CHANGES = """
DROP TRIGGER escalation_ticket_guard ON escalation_ticket;
DROP FUNCTION escalation_ticket_guard();
"""


def create_default_queue(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give the default project its default queue."""
    projects = apps.get_model("orchestration", "Project").objects
    queues = apps.get_model("escalation", "ReviewQueue").objects
    project, _ = projects.get_or_create(slug="default", defaults={"name": "Default"})
    queues.get_or_create(project=project, slug="default", defaults={"name": "Default"})


class Migration(migrations.Migration):
    """Rows and guards that the tables start with."""

    dependencies = [("escalation", "0001_initial")]

    operations = [
        migrations.RunPython(create_default_queue, migrations.RunPython.noop),
        migrations.RunSQL(FORBID_CHANGES, ALLOW_CHANGES),
    ]
