"""Tickets and missed deadlines stay, whoever asks the database; a missed deadline never changes."""

from django.db import migrations

GUARDS = """
CREATE TRIGGER ticket_is_kept BEFORE DELETE ON escalation_ticket
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER tickets_are_kept BEFORE TRUNCATE ON escalation_ticket
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER breach_is_kept BEFORE UPDATE OR DELETE ON escalation_breach
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER breaches_are_kept BEFORE TRUNCATE ON escalation_breach
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER breaches_are_kept ON escalation_breach;
DROP TRIGGER breach_is_kept ON escalation_breach;
DROP TRIGGER tickets_are_kept ON escalation_ticket;
DROP TRIGGER ticket_is_kept ON escalation_ticket;
"""


class Migration(migrations.Migration):
    """Triggers."""

    dependencies = (("escalation", "0002_default_queue_and_guards"), ("agents", "0006_history_is_kept"))

    operations = (migrations.RunSQL(GUARDS, UNGUARD),)
