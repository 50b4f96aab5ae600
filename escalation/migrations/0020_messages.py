"""Messages on their way to people, how channels do, and what queues and people chose."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import escalation.models.clock
import uuid
from django.conf import settings
from django.db import migrations, models


GUARDS = """
CREATE TRIGGER delivery_is_kept BEFORE DELETE ON escalation_delivery
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER deliveries_are_kept BEFORE TRUNCATE ON escalation_delivery
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER delivery_notice_is_kept BEFORE UPDATE OR DELETE ON escalation_delivery_notices
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER delivery_notices_are_kept BEFORE TRUNCATE ON escalation_delivery_notices
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER delivery_notices_are_kept ON escalation_delivery_notices;
DROP TRIGGER delivery_notice_is_kept ON escalation_delivery_notices;
DROP TRIGGER deliveries_are_kept ON escalation_delivery;
DROP TRIGGER delivery_is_kept ON escalation_delivery;
"""


class Migration(migrations.Migration):
    """Tables; messages stay."""

    dependencies = [
        ('escalation', '0019_ways'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ChannelState',
            fields=[
                ('name', models.CharField(max_length=60, primary_key=True, serialize=False)),
                ('failures', models.PositiveIntegerField(default=0, help_text='In a row.')),
                ('paused_until', models.DateTimeField(help_text='It is left alone until then; after that one try decides.', null=True)),
                ('last_sent_at', models.DateTimeField(null=True)),
                ('last_failed_at', models.DateTimeField(null=True)),
                ('last_error', models.TextField(default='')),
            ],
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('channel', models.CharField(max_length=60)),
                ('made_at', models.DateTimeField(db_default=escalation.models.clock.ClockTimestamp())),
                ('due_at', models.DateTimeField(help_text='When it is to be sent, or tried again.')),
                ('is_gathering', models.BooleanField(default=False, help_text='What else the person is told until then comes in the same message.')),
                ('tries', models.PositiveIntegerField(default=0)),
                ('claim', models.UUIDField(help_text='Of whoever sends it now.', null=True)),
                ('claimed_until', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('gave_up_at', models.DateTimeField(null=True)),
                ('last_error', models.TextField(default='')),
                ('notices', models.ManyToManyField(related_name='deliveries', to='escalation.notice')),
                ('person', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'message',
                'ordering': ('-made_at', 'id'),
                'indexes': [models.Index(condition=models.Q(('gave_up_at__isnull', True), ('sent_at__isnull', True)), fields=['channel', 'due_at'], name='delivery_waits'), models.Index(condition=models.Q(('gave_up_at__isnull', False)), fields=['channel', 'gave_up_at'], name='delivery_lost')],
                'constraints': [models.CheckConstraint(condition=models.Q(('sent_at__isnull', True), ('gave_up_at__isnull', True), _connector='OR'), name='delivery_ends_once'), models.CheckConstraint(condition=models.Q(models.Q(('claim__isnull', True), ('claimed_until__isnull', True)), models.Q(('claim__isnull', False), ('claimed_until__isnull', False)), _connector='OR'), name='delivery_claim_is_leased'), models.UniqueConstraint(condition=models.Q(('is_gathering', True)), fields=('channel', 'person'), name='delivery_gathers_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Preference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_off', models.BooleanField(default=False, verbose_name='tell me nothing')),
                ('channels', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, size=None)),
                ('from_level', models.PositiveSmallIntegerField(default=0, help_text='Of escalation levels, only this and higher ones.')),
                ('time_zone', models.CharField(default='UTC', help_text='Of the quiet hours, such as Europe/Berlin.', max_length=64)),
                ('quiet_from', models.TimeField(blank=True, null=True)),
                ('quiet_until', models.TimeField(blank=True, null=True)),
                ('digest_minutes', models.PositiveIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(1440)])),
                ('urgent_level', models.PositiveSmallIntegerField(blank=True, help_text='From this escalation level on, at once and at any hour.', null=True)),
                ('queue', models.ForeignKey(blank=True, help_text='Empty: all review queues that have no line of their own.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='escalation.reviewqueue')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notice_preferences', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'notification',
                'ordering': ('user', 'queue'),
                'constraints': [models.UniqueConstraint(fields=('user', 'queue'), name='preference_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(models.Q(('quiet_from__isnull', True), ('quiet_until__isnull', True)), models.Q(('quiet_from__isnull', False), ('quiet_until__isnull', False), models.Q(('quiet_from', models.F('quiet_until')), _negated=True)), _connector='OR'), name='preference_quiet_has_two_ends'), models.CheckConstraint(condition=models.Q(('digest_minutes__lte', 1440)), name='preference_digest_within_a_day')],
            },
        ),
        migrations.CreateModel(
            name='QueueChannel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(help_text="As RINGMASTER['CHANNELS'] names it.", max_length=60)),
                ('happenings', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=10), blank=True, default=list, help_text='What is told over it, such as breached; empty: everything.', size=None)),
                ('from_level', models.PositiveSmallIntegerField(default=0, help_text='Of escalation levels, only this and higher ones.')),
                ('queue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='channels', to='escalation.reviewqueue')),
            ],
            options={
                'ordering': ('queue', 'channel'),
                'constraints': [models.UniqueConstraint(fields=('queue', 'channel'), name='queue_channel_once')],
            },
        ),
        migrations.RunSQL(GUARDS, UNGUARD),
    ]
