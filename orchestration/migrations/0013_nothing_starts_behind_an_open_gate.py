"""No step starts behind a gate that nobody has opened, and a gate stays one: whatever writes the rows."""

from django.db import migrations

# At the end of the statement: the engine ends a step and claims the next one in one.
GUARD = """
CREATE FUNCTION ringmaster_refuse_start() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gate text;
BEGIN
    SELECT p.key INTO gate FROM orchestration_edge e JOIN orchestration_step p ON p.id = e.predecessor_id
    WHERE e.successor_id = NEW.id AND p.gated AND p.status NOT IN ('succeeded', 'skipped') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'step % must not start: the output of % has neither passed its verifiers nor been accepted',
            NEW.key, gate USING ERRCODE = 'check_violation', CONSTRAINT = 'step_waits_for_gates', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER step_waits_for_gates AFTER UPDATE OF status ON orchestration_step FOR EACH ROW
    WHEN (NEW.status = 'running' AND OLD.status <> 'running' AND NEW.predecessor_count > 0)
    EXECUTE FUNCTION ringmaster_refuse_start();

CREATE FUNCTION ringmaster_refuse_ungating() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'step % is gated or not from its beginning on', OLD.key
        USING ERRCODE = 'check_violation', CONSTRAINT = 'step_stays_gated', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER step_stays_gated BEFORE UPDATE OF gated ON orchestration_step FOR EACH ROW
    WHEN (OLD.gated IS DISTINCT FROM NEW.gated) EXECUTE FUNCTION ringmaster_refuse_ungating();
"""
UNGUARD = """
DROP TRIGGER step_stays_gated ON orchestration_step;
DROP TRIGGER step_waits_for_gates ON orchestration_step;
DROP FUNCTION ringmaster_refuse_ungating();
DROP FUNCTION ringmaster_refuse_start();
"""


class Migration(migrations.Migration):
    """Two triggers."""

    dependencies = (("orchestration", "0012_receipts_of_revisions"),)

    operations = (migrations.RunSQL(GUARD, UNGUARD),)
