"""What people are told, as rows that stay."""

import django.db.models.deletion
import escalation.models.clock
import uuid
from django.conf import settings
from django.db import migrations, models


GUARDS = """
CREATE TRIGGER notice_is_kept BEFORE DELETE ON escalation_notice
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER notices_are_kept BEFORE TRUNCATE ON escalation_notice
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER notices_are_kept ON escalation_notice;
DROP TRIGGER notice_is_kept ON escalation_notice;
"""


class Migration(migrations.Migration):
    """One table and its triggers."""

    dependencies = [
        ('agents', '0006_history_is_kept'),
        ('escalation', '0008_queues_as_data'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(help_text='What is told, once for each recipient however often it is announced.', max_length=200)),
                ('happening', models.CharField(max_length=10)),
                ('level', models.PositiveSmallIntegerField(default=0, help_text='Of escalation; 0: none.')),
                ('channel', models.CharField(blank=True, default='', max_length=60)),
                ('data_json', models.TextField(default='{}', help_text='What else there is to say, as JSON.')),
                ('made_at', models.DateTimeField(db_default=escalation.models.clock.ClockTimestamp())),
                ('planned_at', models.DateTimeField(help_text='When it was worked out how it is sent.', null=True)),
                ('person', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('queue', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='escalation.reviewqueue')),
                ('ticket', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='notices', to='escalation.ticket')),
            ],
            options={
                'ordering': ('made_at', 'id'),
                'indexes': [models.Index(condition=models.Q(('planned_at__isnull', True)), fields=['made_at'], name='notice_unplanned')],
                'constraints': [models.CheckConstraint(condition=models.Q(('person__isnull', True), ('channel', ''), _connector='OR'), name='notice_has_one_recipient')],
            },
        ),
        migrations.RunSQL(GUARDS, UNGUARD),
    ]
