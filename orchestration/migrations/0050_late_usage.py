"""Tries of calls: one that was told as lost learns once what it cost, should its answer come after all."""

from django.db import migrations

_SAME = """(OLD.call_id, OLD.step_id, OLD.run_id, OLD.number, OLD.attempt, OLD.token, OLD.begun_at) IS DISTINCT FROM
        (NEW.call_id, NEW.step_id, NEW.run_id, NEW.number, NEW.attempt, NEW.token, NEW.begun_at)"""
_CREATE = """
DROP TRIGGER calltry_ends_once ON orchestration_calltry;
CREATE TRIGGER calltry_ends_once BEFORE UPDATE ON orchestration_calltry
    FOR EACH ROW WHEN ({ended} OR {same}) EXECUTE FUNCTION ringmaster_keep_history();
"""
_LEARNS = """(OLD.state <> 'begun' AND (OLD.state <> 'lost' OR OLD.tokens IS NOT NULL OR OLD.cost_micro_usd IS NOT NULL
        OR (OLD.state, OLD.ended_at, OLD.pots, OLD.reserved_tokens, OLD.reserved_micro_usd) IS DISTINCT FROM
        (NEW.state, NEW.ended_at, NEW.pots, NEW.reserved_tokens, NEW.reserved_micro_usd)))"""
GUARD = _CREATE.format(ended=_LEARNS, same=_SAME)
UNGUARD = _CREATE.format(ended="OLD.state <> 'begun'", same=_SAME)


class Migration(migrations.Migration):
    """A trigger."""

    dependencies = [
        ('orchestration', '0049_untold_pots'),
    ]

    operations = [
        migrations.RunSQL(GUARD, UNGUARD),
    ]
