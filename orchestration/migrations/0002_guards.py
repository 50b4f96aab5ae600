"""The guards that only the database can hold, and the project that exists from the start."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

GUARDS = """
CREATE FUNCTION ringmaster_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('ringmaster.retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% rows are written once: % refused', TG_TABLE_NAME, TG_OP
        USING HINT = 'To delete by a retention rule, SET LOCAL ringmaster.retention = ''on'' first.';
END $$;
CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE ON orchestration_event
    FOR EACH ROW EXECUTE FUNCTION ringmaster_refuse_change();
CREATE TRIGGER workflow_is_immutable BEFORE UPDATE ON orchestration_workflow
    FOR EACH ROW EXECUTE FUNCTION ringmaster_refuse_change();
CREATE TRIGGER receipt_is_immutable BEFORE UPDATE ON orchestration_receipt
    FOR EACH ROW EXECUTE FUNCTION ringmaster_refuse_change();
CREATE TRIGGER seal_is_immutable BEFORE UPDATE ON orchestration_seal
    FOR EACH ROW EXECUTE FUNCTION ringmaster_refuse_change();
"""
UNGUARD = """
DROP TRIGGER seal_is_immutable ON orchestration_seal;
DROP TRIGGER receipt_is_immutable ON orchestration_receipt;
DROP TRIGGER workflow_is_immutable ON orchestration_workflow;
DROP TRIGGER event_is_append_only ON orchestration_event;
DROP FUNCTION ringmaster_refuse_change();
"""


def make_default_project(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the project that workflows belong to unless they say otherwise."""
    apps.get_model("orchestration", "Project").objects.get_or_create(slug="default", defaults={"name": "Default"})


class Migration(migrations.Migration):
    """Triggers and the default project."""

    dependencies = (("orchestration", "0001_initial"),)

    operations = (
        migrations.RunSQL(GUARDS, UNGUARD),
        migrations.RunPython(make_default_project, migrations.RunPython.noop),
    )
