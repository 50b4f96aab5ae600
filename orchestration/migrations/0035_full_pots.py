"""Budgets: what was billed beyond a limit takes what comes back, and the limit that a pot was opened with."""

from django.db import migrations, models

GUARD = """
DROP TRIGGER pot_stays_whose ON orchestration_pot;
CREATE TRIGGER pot_stays_whose BEFORE UPDATE ON orchestration_pot
    FOR EACH ROW WHEN ((OLD.run_id, OLD.step_id, OLD.parent_id, OLD.unit, OLD.opened_at, OLD.opened_with)
        IS DISTINCT FROM (NEW.run_id, NEW.step_id, NEW.parent_id, NEW.unit, NEW.opened_at, NEW.opened_with))
    EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER pot_stays_whose ON orchestration_pot;
CREATE TRIGGER pot_stays_whose BEFORE UPDATE ON orchestration_pot
    FOR EACH ROW WHEN ((OLD.run_id, OLD.step_id, OLD.parent_id, OLD.unit, OLD.opened_at) IS DISTINCT FROM
        (NEW.run_id, NEW.step_id, NEW.parent_id, NEW.unit, NEW.opened_at))
    EXECUTE FUNCTION ringmaster_keep_history();
"""
# Of pots that were topped up before, the limit of now is as near as can be told.
FILL = """
UPDATE orchestration_pot SET opened_with = "limit",
    spent = spent + least(overrun, "limit" - spent - lost - reserved),
    overrun = overrun - least(overrun, "limit" - spent - lost - reserved)
"""


class Migration(migrations.Migration):
    """One column, one index, one rule that the database holds."""

    dependencies = [
        ('orchestration', '0034_withdrawn_tries'),
    ]

    operations = [
        migrations.AddField(
            model_name='pot',
            name='opened_with',
            field=models.BigIntegerField(db_default=0, help_text='The limit before anybody topped it up.'),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='pot',
            name='opened_with',
            field=models.BigIntegerField(help_text='The limit before anybody topped it up.'),
        ),
        migrations.AlterField(
            model_name='pot',
            name='overrun',
            field=models.BigIntegerField(db_default=0, help_text='Spent beyond the limit, against what was stated; takes what comes back first.'),
        ),
        migrations.AddConstraint(
            model_name='pot',
            constraint=models.CheckConstraint(condition=models.Q(('overrun', 0), ('limit', models.F('spent') + models.F('lost') + models.F('reserved')), _connector='OR'), name='pot_is_full_before_it_overruns'),
        ),
        migrations.AddIndex(
            model_name='pot',
            index=models.Index(condition=models.Q(('asked_step__isnull', False)), fields=['asked_step'], name='pot_asked_of'),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
