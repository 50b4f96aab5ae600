"""Actors, topics, messages and their deliveries; of an actor one turn is live at most. Messages are kept."""

from importlib import import_module

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import orchestration.domain.mail

from django.conf import settings
from django.db import migrations, models

_BEFORE = import_module("orchestration.migrations.0030_signals")
_SENT = (
    "project_id, kind, topic_id, schema_version, sender, sender_actor_id, sent_by_id, run_id, step_id, attempt, to_name, "
    "to_key, asked_by_id, answers_id, is_failure, key, body_json, digest, hops, chain, requested_by_id, due_at, sent_at"
)
_ONCE = ("topicschema", "pendingeffects")
_KEPT = (*_ONCE, "message", "delivery", "actor")


def _guard(table: str) -> str:
    changes = "UPDATE OR DELETE" if table in _ONCE else "DELETE"
    return f"""
CREATE TRIGGER {table}_is_kept BEFORE {changes} ON orchestration_{table}
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER {table}_rows_are_kept BEFORE TRUNCATE ON orchestration_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""


# A message says for ever what it said; only that it was routed is added, and taken back to route what was missed.
_GUARD_SENT = f"""
CREATE TRIGGER message_says_what_it_said BEFORE UPDATE ON orchestration_message
    FOR EACH ROW WHEN ({_BEFORE._changes(_SENT)}) EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER delivery_stays_where_it_is BEFORE UPDATE ON orchestration_delivery
    FOR EACH ROW WHEN ({_BEFORE._changes("message_id, actor_id, delivered_at")}) EXECUTE FUNCTION ringmaster_keep_history();
"""
_UNGUARD_SENT = """
DROP TRIGGER delivery_stays_where_it_is ON orchestration_delivery;
DROP TRIGGER message_says_what_it_said ON orchestration_message;
"""
_UNGUARD = "".join(
    f"DROP TRIGGER {table}_rows_are_kept ON orchestration_{table}; DROP TRIGGER {table}_is_kept ON orchestration_{table};"
    for table in _KEPT
)


class Migration(migrations.Migration):
    """Seven tables, two columns of runs, two of workflows."""

    dependencies = [
        ('orchestration', '0039_peoples_time'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Actor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Of its behaviour: of the workflow with this `actor`.', max_length=100)),
                ('key', models.CharField(max_length=200)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('made_by', models.CharField(help_text='Who sent its first message.', max_length=320)),
                ('turns', models.IntegerField(db_default=0, help_text='How many it has begun.')),
                ('stopped_at', models.DateTimeField(help_text='Since when it takes no messages.', null=True)),
                ('stopped_by', models.CharField(db_default='', max_length=200)),
                ('stop_reason', models.TextField(db_default='')),
            ],
            options={
                'ordering': ('name', 'key'),
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('queued', 'queued'), ('taken', 'taken'), ('done', 'done'), ('dead', 'dead')], db_default='queued', max_length=10)),
                ('turn', models.IntegerField(help_text="Number of the actor's turn that got it.", null=True)),
                ('reason', models.TextField(db_default='', help_text='Why it is dead.')),
                ('delivered_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('taken_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('resent', models.IntegerField(db_default=0, help_text='Times that it was sent again.')),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('direct', 'direct'), ('topic', 'topic'), ('ask', 'ask'), ('reply', 'reply'), ('timer', 'timer')], max_length=10)),
                ('schema_version', models.PositiveIntegerField(null=True)),
                ('sender', models.CharField(max_length=320)),
                ('attempt', models.IntegerField(help_text="Number of the step's attempt that said it.", null=True)),
                ('to_name', models.CharField(db_default='', max_length=100)),
                ('to_key', models.CharField(db_default='', max_length=200)),
                ('is_failure', models.BooleanField(db_default=False, help_text='A reply that says why there is no answer.')),
                ('key', models.CharField(help_text='The same message once more has the same key.', max_length=300, null=True)),
                ('body_json', models.TextField(help_text='Canonical JSON.')),
                ('digest', models.CharField(max_length=64)),
                ('hops', models.IntegerField(help_text='Turns between it and somebody outside.')),
                ('chain', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), db_default=[], help_text='Addresses that wait, directly or not, for its answer.', size=None)),
                ('due_at', models.DateTimeField(help_text='Before then it goes nowhere.', null=True)),
                ('sent_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('routed_at', models.DateTimeField(help_text='When its deliveries were written.', null=True)),
                ('refusal', models.TextField(db_default='', help_text='What could not be delivered, and why.')),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='PendingEffects',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('attempt', models.IntegerField(help_text="Number of the step's attempt that answered so.")),
                ('revision', models.IntegerField()),
                ('effects_json', models.TextField(help_text='Lines by the name of their effect.')),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Of the behaviour.', max_length=100)),
                ('key', models.CharField(db_default='', help_text='Of a member; empty for a rule.', max_length=200)),
                ('key_from', models.TextField(db_default='', help_text='CEL over {body, sender}: the key, or null for nobody.')),
                ('where', models.TextField(db_default='', help_text='CEL over {body, sender}; false: not for it.')),
                ('source', models.CharField(db_default='', help_text='The workflow whose spec says so; empty: made by people or code.', max_length=100)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('made_by', models.CharField(db_default='', max_length=200)),
            ],
            options={
                'ordering': ('topic', 'name', 'key'),
            },
        ),
        migrations.CreateModel(
            name='Topic',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('description', models.TextField(db_default='')),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='TopicSchema',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(help_text='Counts up from 1.')),
                ('schema_json', models.TextField(help_text='JSON Schema, canonical.')),
                ('digest', models.CharField(max_length=64)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('made_by', models.CharField(max_length=200)),
                ('forced', models.BooleanField(db_default=False, help_text='Although it may break subscribers.')),
            ],
            options={
                'ordering': ('topic', '-version'),
            },
        ),
        migrations.AddField(
            model_name='run',
            name='is_parked',
            field=models.BooleanField(db_default=False, help_text='A turn that waits for a person, and lets the next one go on.'),
        ),
        migrations.AddField(
            model_name='workflow',
            name='actor',
            field=models.CharField(db_default='', help_text='Of which actors it is the behaviour, if of any.', max_length=100),
        ),
        migrations.AddField(
            model_name='workflow',
            name='parks',
            field=models.BooleanField(db_default=False, help_text='A turn that waits for a person is parked.'),
        ),
        migrations.AlterField(
            model_name='call',
            name='kind',
            field=models.CharField(choices=[('once', 'once'), ('model', 'model'), ('tool', 'tool'), ('timer', 'timer'), ('signal', 'signal'), ('ask', 'ask'), ('approval', 'approval'), ('message', 'message')], max_length=10),
        ),
        migrations.AlterField(
            model_name='run',
            name='untold',
            field=models.BooleanField(db_default=False, help_text='Ended, and the step, or the actor, that waits for that was not told yet.'),
        ),
        migrations.AddIndex(
            model_name='workflow',
            index=models.Index(condition=models.Q(('actor', ''), _negated=True), fields=['project', 'actor', '-id'], name='workflow_of_actor'),
        ),
        migrations.AddField(
            model_name='actor',
            name='made_by_actor',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='made', to='orchestration.actor'),
        ),
        migrations.AddField(
            model_name='actor',
            name='project',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='actors', to='orchestration.project'),
        ),
        migrations.AddField(
            model_name='run',
            name='actor',
            field=models.ForeignKey(db_constraint=False, db_index=False, help_text='Whose turn it is.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='orchestration.actor'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('actor__isnull', False)), fields=['actor', '-created_at'], name='run_of_actor'),
        ),
        migrations.AddConstraint(
            model_name='run',
            constraint=models.UniqueConstraint(condition=models.Q(('actor__isnull', False), ('is_parked', False), ('status__in', ['compensating', 'paused', 'running'])), fields=('actor',), name='run_one_live_turn'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='actor',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='orchestration.actor'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='run',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='orchestration.run'),
        ),
        migrations.AddField(
            model_name='message',
            name='answers',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='replies', to='orchestration.message'),
        ),
        migrations.AddField(
            model_name='message',
            name='asked_by',
            field=models.ForeignKey(db_constraint=False, db_index=False, help_text='The open call that waits for the answer.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='orchestration.call'),
        ),
        migrations.AddField(
            model_name='message',
            name='project',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='orchestration.project'),
        ),
        migrations.AddField(
            model_name='message',
            name='requested_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='message',
            name='run',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='orchestration.run'),
        ),
        migrations.AddField(
            model_name='message',
            name='sender_actor',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sent', to='orchestration.actor'),
        ),
        migrations.AddField(
            model_name='message',
            name='sent_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='message',
            name='step',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='orchestration.step'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='message',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='orchestration.message'),
        ),
        migrations.AddField(
            model_name='pendingeffects',
            name='run',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='orchestration.run'),
        ),
        migrations.AddField(
            model_name='pendingeffects',
            name='step',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='pending_effects', to='orchestration.step'),
        ),
        migrations.AddField(
            model_name='topic',
            name='project',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='topics', to='orchestration.project'),
        ),
        migrations.AddField(
            model_name='subscription',
            name='topic',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='subscriptions', to='orchestration.topic'),
        ),
        migrations.AddField(
            model_name='message',
            name='topic',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='orchestration.topic'),
        ),
        migrations.AddField(
            model_name='topicschema',
            name='topic',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='schemas', to='orchestration.topic'),
        ),
        migrations.AddConstraint(
            model_name='actor',
            constraint=models.UniqueConstraint(fields=('project', 'name', 'key'), name='actor_address_once'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', orchestration.domain.mail.DeliveryState['QUEUED'])), fields=['actor', 'message'], name='delivery_queued'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', orchestration.domain.mail.DeliveryState['DEAD'])), fields=['actor', '-message'], name='delivery_dead'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['actor', '-message'], name='delivery_of_actor'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('message', 'actor'), name='delivery_once'),
        ),
        migrations.AddConstraint(
            model_name='topic',
            constraint=models.UniqueConstraint(fields=('project', 'name'), name='topic_name_once'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(fields=('topic', 'name', 'key', 'key_from', 'where'), name='subscription_once'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('key', ''), _negated=True), ('key_from', ''), ('where', '')), models.Q(('key', ''), models.Q(('key_from', ''), _negated=True)), _connector='OR'), name='subscription_member_or_rule'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('due_at__isnull', True), ('routed_at__isnull', True)), fields=['id'], name='message_left'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('due_at__isnull', False), ('routed_at__isnull', True)), fields=['due_at'], name='message_due'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('routed_at__isnull', True)), fields=['project', 'sender', 'id'], name='message_unrouted'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('topic__isnull', False)), fields=['topic', 'sender', 'sent_at', 'id'], name='message_published'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['project', 'sender', 'sent_at'], name='message_of_sender'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('asked_by__isnull', False)), fields=['asked_by'], name='message_asked_by'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(condition=models.Q(('key__isnull', False)), fields=('project', 'sender', 'key'), name='message_key_once'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(condition=models.Q(('answers__isnull', False)), fields=('answers',), name='message_answered_once'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('to_name', ''), ('topic__isnull', False)), models.Q(('topic__isnull', True), models.Q(models.Q(('to_name', ''), _negated=True), ('answers__isnull', False), _connector='OR')), _connector='OR'), name='message_goes_somewhere'),
        ),
        migrations.AddConstraint(
            model_name='topicschema',
            constraint=models.UniqueConstraint(fields=('topic', 'version'), name='topic_schema_once'),
        ),
        migrations.RunSQL("".join(map(_guard, _KEPT)), _UNGUARD),
        migrations.RunSQL(_GUARD_SENT, _UNGUARD_SENT),
    ]
