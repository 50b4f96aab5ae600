"""The journal of calls: what an agent called once, and each time that it was tried. Both end once and are kept."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


GUARD = """
CREATE TRIGGER call_is_kept BEFORE DELETE ON orchestration_call
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER call_is_answered_once BEFORE UPDATE ON orchestration_call
    FOR EACH ROW WHEN (OLD.state <> 'begun' OR (OLD.step_id, OLD.run_id, OLD.journal, OLD.path, OLD.kind, OLD.name,
        OLD.request_json, OLD.request_digest, OLD.begun_at) IS DISTINCT FROM (NEW.step_id, NEW.run_id, NEW.journal,
        NEW.path, NEW.kind, NEW.name, NEW.request_json, NEW.request_digest, NEW.begun_at))
    EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER call_rows_are_kept BEFORE TRUNCATE ON orchestration_call
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER calltry_is_kept BEFORE DELETE ON orchestration_calltry
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER calltry_ends_once BEFORE UPDATE ON orchestration_calltry
    FOR EACH ROW WHEN (OLD.state <> 'begun' OR (OLD.call_id, OLD.step_id, OLD.run_id, OLD.number, OLD.attempt,
        OLD.token, OLD.begun_at) IS DISTINCT FROM (NEW.call_id, NEW.step_id, NEW.run_id, NEW.number, NEW.attempt,
        NEW.token, NEW.begun_at))
    EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER calltry_rows_are_kept BEFORE TRUNCATE ON orchestration_calltry
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER calltry_rows_are_kept ON orchestration_calltry;
DROP TRIGGER calltry_ends_once ON orchestration_calltry;
DROP TRIGGER calltry_is_kept ON orchestration_calltry;
DROP TRIGGER call_rows_are_kept ON orchestration_call;
DROP TRIGGER call_is_answered_once ON orchestration_call;
DROP TRIGGER call_is_kept ON orchestration_call;
"""


class Migration(migrations.Migration):
    """Two tables."""

    dependencies = (("orchestration", "0025_held_back_by_people"),)

    operations = (
        migrations.CreateModel(
            name='Call',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('journal', models.IntegerField(help_text="Changes with the step's idempotency key: work that is done anew calls anew.")),
                ('path', models.CharField(help_text='Names it within the journal.', max_length=600)),
                ('kind', models.CharField(choices=[('once', 'once')], max_length=10)),
                ('name', models.CharField(max_length=100)),
                ('request_json', models.TextField(help_text='What was asked: canonical JSON.')),
                ('request_digest', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('begun', 'begun'), ('done', 'done')], max_length=10)),
                ('begun_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='The first time.')),
                ('ended_at', models.DateTimeField(null=True)),
                ('response_json', models.TextField(null=True)),
                ('response_digest', models.CharField(max_length=64, null=True)),
                ('run', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='calls', to='orchestration.run')),
                ('step', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='calls', to='orchestration.step')),
            ],
            options={
                'ordering': ('step', 'id'),
            },
        ),
        migrations.CreateModel(
            name='CallTry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.IntegerField(help_text='From 1.')),
                ('attempt', models.IntegerField(help_text="Number of the step's attempt.")),
                ('token', models.UUIDField(help_text='Of the claim under which it was made.')),
                ('state', models.CharField(choices=[('begun', 'begun'), ('done', 'done'), ('failed', 'failed'), ('lost', 'lost')], max_length=10)),
                ('begun_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('error', models.TextField(db_default='', help_text='What it raised, or why it is lost.')),
                ('call', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='tries', to='orchestration.call')),
                ('run', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='orchestration.run')),
                ('step', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='call_tries', to='orchestration.step')),
            ],
            options={
                'ordering': ('call', 'number'),
            },
        ),
        migrations.AddConstraint(
            model_name='call',
            constraint=models.UniqueConstraint(fields=('step', 'journal', 'path'), name='call_once'),
        ),
        migrations.AddConstraint(
            model_name='call',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('response_json__isnull', False), ('state', 'done')), models.Q(('ended_at__isnull', True), ('response_json__isnull', True), ('state', 'begun')), _connector='OR'), name='call_done_has_answer'),
        ),
        migrations.AddIndex(
            model_name='calltry',
            index=models.Index(condition=models.Q(('state', 'begun')), fields=['step'], name='call_try_open'),
        ),
        migrations.AddConstraint(
            model_name='calltry',
            constraint=models.UniqueConstraint(fields=('call', 'token'), name='call_try_once'),
        ),
        migrations.AddConstraint(
            model_name='calltry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state', 'begun')), models.Q(models.Q(('state', 'begun'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='call_try_ended_is_dated'),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    )
