"""Waits of agents: calls that stay open until something answers them, and the signals that may. Both are kept."""

from importlib import import_module

import agents.domain.calls
import django.db.models.deletion
import django.db.models.functions.datetime
import orchestration.domain.calls
from django.conf import settings
from django.db import migrations, models


# The trigger's text is that of migration 0025, with one stage more in its list.
_BEFORE = import_module("orchestration.migrations.0025_held_back_by_people")
STEPS_WITHOUT = _BEFORE._WITH
STEPS_WITH = STEPS_WITHOUT.replace("'child_run', 'verdicts')", "'child_run', 'verdicts', 'calls')")
_IDENTITY = "step_id, run_id, journal, path, kind, name, request_json, request_digest, begun_at"
_ANSWER = (
    "state, ended_at, response_json, response_digest, signal_id, due_at, input_tokens, output_tokens, cache_read_tokens, "
    "cache_write_tokens, reasoning_tokens, cost_micro_usd, provider, model, response_id, finish_reason"
)
_SENT = "run_id, name, key, step_key, value_json, value_digest, sent_by_id, sender, sent_at"


def _changes(columns: str) -> str:
    """Return the condition that an UPDATE changes one of these columns."""
    of = ["(" + ", ".join(f"{row}.{column.strip()}" for column in columns.split(",")) + ")" for row in ("OLD", "NEW")]
    return " IS DISTINCT FROM ".join(of)


_UNGUARD_CALLS = "DROP TRIGGER call_is_answered_once ON orchestration_call;"
_GUARD_CALLS_BEFORE = f"""
CREATE TRIGGER call_is_answered_once BEFORE UPDATE ON orchestration_call
    FOR EACH ROW WHEN (OLD.state <> 'begun' OR {_changes(_IDENTITY)})
    EXECUTE FUNCTION ringmaster_keep_history();
"""
# What was answered stays so; that the answer was read is no part of it. What was begun never becomes a wait.
_GUARD_CALLS = f"""
CREATE TRIGGER call_is_answered_once BEFORE UPDATE ON orchestration_call
    FOR EACH ROW WHEN ((OLD.state = 'done' AND {_changes(_ANSWER)}) OR NEW.state NOT IN (OLD.state, 'done')
        OR {_changes(_IDENTITY)})
    EXECUTE FUNCTION ringmaster_keep_history();
"""
_GUARD_SIGNALS = f"""
CREATE TRIGGER signal_is_kept BEFORE DELETE ON orchestration_signal
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER signal_is_used_once BEFORE UPDATE ON orchestration_signal
    FOR EACH ROW WHEN (((OLD.taken_at IS NOT NULL OR OLD.refusal <> '')
        AND {_changes("step_id, taken_at, refusal")}) OR {_changes(_SENT)})
    EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER signal_rows_are_kept BEFORE TRUNCATE ON orchestration_signal
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
_UNGUARD_SIGNALS = """
DROP TRIGGER signal_rows_are_kept ON orchestration_signal;
DROP TRIGGER signal_is_used_once ON orchestration_signal;
DROP TRIGGER signal_is_kept ON orchestration_signal;
"""


class Migration(migrations.Migration):
    """A table of signals, three columns of calls, and a further stage in the trigger `step_is_whole`."""

    dependencies = [
        ('orchestration', '0029_calls_of_models'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Signal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('key', models.CharField(help_text='The same signal once more has the same key.', max_length=200, null=True)),
                ('step_key', models.CharField(db_default='', help_text='Whom it is for; empty: whoever waits.', max_length=300)),
                ('value_json', models.TextField(help_text='Canonical JSON.')),
                ('value_digest', models.CharField(max_length=64)),
                ('sender', models.CharField(help_text='By which way it came, and from whom.', max_length=200)),
                ('sent_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('taken_at', models.DateTimeField(null=True)),
                ('refusal', models.TextField(db_default='', help_text='Why whoever waited could not use it.')),
                ('is_new', models.BooleanField(db_default=True, help_text='Nobody has looked yet who waits for it.')),
            ],
            options={
                'ordering': ('run', 'id'),
            },
        ),
        migrations.RemoveConstraint(
            model_name='call',
            name='call_done_has_answer',
        ),
        migrations.AddField(
            model_name='call',
            name='due_at',
            field=models.DateTimeField(help_text='When a wait is over by itself.', null=True),
        ),
        migrations.AddField(
            model_name='call',
            name='unread',
            field=models.BooleanField(db_default=False, help_text='A wait was answered, and no attempt has had the answer yet.'),
        ),
        migrations.AlterField(
            model_name='attempt',
            name='outcome',
            field=models.CharField(choices=[('answered', 'answered'), ('expanded', 'expanded'), ('collected', 'collected'), ('asked', 'asked'), ('failed', 'failed'), ('crashed', 'crashed'), ('passed_over', 'passed_over'), ('kept_away', 'kept_away'), ('suspended', 'suspended'), ('withdrawn', 'withdrawn')], max_length=12, null=True),
        ),
        migrations.AlterField(
            model_name='call',
            name='kind',
            field=models.CharField(choices=[('once', 'once'), ('model', 'model'), ('tool', 'tool'), ('timer', 'timer'), ('signal', 'signal'), ('ask', 'ask')], max_length=10),
        ),
        migrations.AlterField(
            model_name='call',
            name='state',
            field=models.CharField(choices=[('begun', 'begun'), ('open', 'open'), ('done', 'done')], max_length=10),
        ),
        migrations.AlterField(
            model_name='step',
            name='stage',
            field=models.CharField(choices=[('', ''), ('items', 'items'), ('spawned', 'spawned'), ('child_run', 'child_run'), ('verdicts', 'verdicts'), ('calls', 'calls')], db_default='', help_text='What its children are, from its growing them to its end.', max_length=10),
        ),
        migrations.AddField(
            model_name='signal',
            name='run',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='signals', to='orchestration.run'),
        ),
        migrations.AddField(
            model_name='signal',
            name='sent_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='signal',
            name='step',
            field=models.ForeignKey(db_constraint=False, help_text='Who took it.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='signals', to='orchestration.step'),
        ),
        migrations.AddField(
            model_name='call',
            name='signal',
            field=models.ForeignKey(db_constraint=False, db_index=False, help_text='What answered a wait for a signal.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='calls', to='orchestration.signal'),
        ),
        migrations.AddIndex(
            model_name='call',
            index=models.Index(condition=models.Q(('state', orchestration.domain.calls.CallState['OPEN'])), fields=['due_at'], name='call_due'),
        ),
        migrations.AddIndex(
            model_name='call',
            index=models.Index(condition=models.Q(('kind', agents.domain.calls.CallKind['SIGNAL']), ('state', orchestration.domain.calls.CallState['OPEN'])), fields=['run', 'name'], name='call_awaits_signal'),
        ),
        migrations.AddIndex(
            model_name='call',
            index=models.Index(condition=models.Q(('unread', True)), fields=['step'], name='call_unread'),
        ),
        migrations.AddConstraint(
            model_name='call',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('response_json__isnull', False), ('state', orchestration.domain.calls.CallState['DONE'])), models.Q(('ended_at__isnull', True), ('response_json__isnull', True), ('state__in', ['begun', 'open'])), _connector='OR'), name='call_done_has_answer'),
        ),
        migrations.AddIndex(
            model_name='signal',
            index=models.Index(condition=models.Q(('is_new', True)), fields=['id'], name='signal_new'),
        ),
        migrations.AddIndex(
            model_name='signal',
            index=models.Index(condition=models.Q(('refusal', ''), ('taken_at__isnull', True)), fields=['run', 'name'], name='signal_unused'),
        ),
        migrations.AddConstraint(
            model_name='signal',
            constraint=models.UniqueConstraint(condition=models.Q(('key__isnull', False)), fields=('run', 'name', 'key'), name='signal_once'),
        ),
        migrations.AddConstraint(
            model_name='signal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('step__isnull', True), ('taken_at__isnull', True)), models.Q(('refusal', ''), ('step__isnull', False), ('taken_at__isnull', False)), _connector='OR'), name='signal_taken_by_somebody'),
        ),
        migrations.RunSQL(_UNGUARD_CALLS + _GUARD_CALLS, _UNGUARD_CALLS + _GUARD_CALLS_BEFORE),
        migrations.RunSQL(_GUARD_SIGNALS, _UNGUARD_SIGNALS),
        migrations.RunSQL(STEPS_WITH, STEPS_WITHOUT),
    ]
