"""Tickets that look again at accepted work: one for each sample, beside those of held steps."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

_FORMER = import_module("escalation.migrations.0013_clock_guards").GUARD
GUARD = _FORMER
for _row in ("NEW", "OLD"):
    _columns = f"{_row}.first_touch_within, {_row}.resolution_within"
    assert GUARD.count(_columns) == 1
    GUARD = GUARD.replace(_columns, f"{_columns}, {_row}.sample_id")


class Migration(migrations.Migration):
    """A column, what it holds to, and a further subject."""

    dependencies = [
        ('escalation', '0021_widened'),
        ('orchestration', '0024_audit_samples'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_open_once',
        ),
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_resolution_known',
        ),
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_subject_known',
        ),
        migrations.AddField(
            model_name='ticket',
            name='sample',
            field=models.OneToOneField(db_constraint=False, help_text='Of an audit: the accepted answer that was drawn.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='orchestration.auditsample'),
        ),
        migrations.AlterField(
            model_name='ticket',
            name='resolution',
            field=models.CharField(choices=[('approve', 'approve'), ('edit', 'edit'), ('send_back', 'send_back'), ('hand_on', 'hand_on'), ('skip', 'skip'), ('close', 'close'), ('abort', 'abort'), ('refuse', 'refuse'), ('default', 'default')], max_length=10, null=True),
        ),
        migrations.AlterField(
            model_name='ticket',
            name='subject',
            field=models.CharField(choices=[('output', 'output'), ('task', 'task'), ('audit', 'audit')], help_text='What the person is asked about.', max_length=10),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'open'), models.Q(('subject', 'audit'), _negated=True)), fields=('step',), name='ticket_open_once'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('subject', 'audit'), ('sample__isnull', False)), models.Q(models.Q(('subject', 'audit'), _negated=True), ('sample__isnull', True)), _connector='OR'), name='ticket_audit_has_sample'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'refuse', 'default']), _connector='OR'), name='ticket_resolution_known'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('subject', 'output'), models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'task'), models.Q(('resolution__isnull', True), ('resolution__in', ['edit', 'send_back', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'audit'), models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'refuse']), _connector='OR')), _connector='OR'), name='ticket_subject_known'),
        ),
        migrations.RunSQL(GUARD, _FORMER),
    ]
