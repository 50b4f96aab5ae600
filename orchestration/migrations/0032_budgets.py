"""Budgets: a row for each unit that has a limit, what each try of a call reserved, and a word that steps may wait for."""

from importlib import import_module

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models

# The trigger's text is that of migration 0030, with one word more in its list.
_WITHOUT = import_module("orchestration.migrations.0030_signals").STEPS_WITH
_WITH = _WITHOUT.replace("'ring', 'reviewers')", "'ring', 'reviewers', 'budget')")
# A step that waits for a budget is found again by `ring_lost`, once its word is gone.
_CLEAR = "UPDATE orchestration_step SET waits_for = '' WHERE waits_for = 'budget'"
_WORDS = ("", "agent", "pool", "slot", "breaker", "deadline", "ring", "reviewers", "budget")
GUARD = """
CREATE TRIGGER pot_is_kept BEFORE DELETE ON orchestration_pot
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER pot_stays_whose BEFORE UPDATE ON orchestration_pot
    FOR EACH ROW WHEN ((OLD.run_id, OLD.step_id, OLD.parent_id, OLD.unit, OLD.opened_at) IS DISTINCT FROM
        (NEW.run_id, NEW.step_id, NEW.parent_id, NEW.unit, NEW.opened_at))
    EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER pot_rows_are_kept BEFORE TRUNCATE ON orchestration_pot
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER pot_rows_are_kept ON orchestration_pot;
DROP TRIGGER pot_stays_whose ON orchestration_pot;
DROP TRIGGER pot_is_kept ON orchestration_pot;
"""


class Migration(migrations.Migration):
    """One table; columns that may be NULL or have a constant default, so that no row is written anew."""

    dependencies = (("orchestration", "0031_waits_on"),)

    operations = (
        migrations.AddField(
            model_name='agentcontext',
            name='has_budget',
            field=models.BooleanField(db_default=False, help_text='Something above its steps, or of them, has a budget: calls ask.'),
        ),
        migrations.AddField(
            model_name='calltry',
            name='pots',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), help_text='The pots that it reserved in.', null=True, size=None),
        ),
        migrations.AddField(
            model_name='calltry',
            name='reserved_micro_usd',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='calltry',
            name='reserved_tokens',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='step',
            name='waits_for',
            field=models.CharField(choices=[(word, word) for word in _WORDS], default='', help_text='Why an available step is not rung for; empty when it is.', max_length=10),
        ),
        migrations.CreateModel(
            name='Pot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('unit', models.CharField(choices=[('micro_usd', 'micro_usd'), ('tokens', 'tokens'), ('calls', 'calls'), ('human_seconds', 'human_seconds')], max_length=15)),
                ('limit', models.BigIntegerField()),
                ('reserved', models.BigIntegerField(db_default=0, help_text='By calls under way, at their most.')),
                ('spent', models.BigIntegerField(db_default=0)),
                ('lost', models.BigIntegerField(db_default=0, help_text='Reserved by calls of which nobody can tell.')),
                ('overrun', models.BigIntegerField(db_default=0, help_text='Spent beyond the limit, against what was stated.')),
                ('asked_step', models.BigIntegerField(help_text='The step that asks a person about it.', null=True)),
                ('tight_at', models.DateTimeField(help_text='When four fifths of it were taken first.', null=True)),
                ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('parent', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='below', to='orchestration.pot')),
                ('run', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='pots', to='orchestration.run')),
                ('step', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='pots', to='orchestration.step')),
            ],
            options={
                'ordering': ('id',),
                'constraints': [models.CheckConstraint(condition=models.Q(('limit__gte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('spent'), '+', models.F('lost')), '+', models.F('reserved')))), name='pot_never_overspent'), models.CheckConstraint(condition=models.Q(('lost__gte', 0), ('overrun__gte', 0), ('reserved__gte', 0), ('spent__gte', 0)), name='pot_counts_from_zero'), models.UniqueConstraint(condition=models.Q(('step', None)), fields=('run', 'unit'), name='pot_of_run_once'), models.UniqueConstraint(fields=('step', 'unit'), name='pot_of_step_once')],
            },
        ),
        migrations.RunSQL(_WITH, _CLEAR + ";" + _WITHOUT),
        migrations.RunSQL(GUARD, UNGUARD),
    )
