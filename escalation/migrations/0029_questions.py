"""Tickets about what an agent asks while it works: a further subject, and a way to decide it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A further subject and a further word."""

    dependencies = [
        ('escalation', '0028_notices_behind'),
        ('orchestration', '0030_signals'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='pendingresolution',
            name='pending_kind_known',
        ),
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_output_is_approved',
        ),
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_resolution_known',
        ),
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_subject_known',
        ),
        migrations.RemoveConstraint(
            model_name='vote',
            name='vote_kind_known',
        ),
        migrations.AlterField(
            model_name='pendingresolution',
            name='kind',
            field=models.CharField(choices=[('approve', 'approve'), ('edit', 'edit'), ('answer', 'answer'), ('send_back', 'send_back'), ('hand_on', 'hand_on'), ('skip', 'skip'), ('close', 'close'), ('abort', 'abort'), ('refuse', 'refuse'), ('default', 'default')], max_length=10),
        ),
        migrations.AlterField(
            model_name='ticket',
            name='resolution',
            field=models.CharField(choices=[('approve', 'approve'), ('edit', 'edit'), ('answer', 'answer'), ('send_back', 'send_back'), ('hand_on', 'hand_on'), ('skip', 'skip'), ('close', 'close'), ('abort', 'abort'), ('refuse', 'refuse'), ('default', 'default')], max_length=10, null=True),
        ),
        migrations.AlterField(
            model_name='ticket',
            name='subject',
            field=models.CharField(choices=[('output', 'output'), ('task', 'task'), ('question', 'question'), ('audit', 'audit')], help_text='What the person is asked about.', max_length=10),
        ),
        migrations.AlterField(
            model_name='vote',
            name='kind',
            field=models.CharField(choices=[('approve', 'approve'), ('edit', 'edit'), ('answer', 'answer'), ('send_back', 'send_back'), ('hand_on', 'hand_on'), ('skip', 'skip'), ('close', 'close'), ('abort', 'abort'), ('refuse', 'refuse'), ('default', 'default')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='pendingresolution',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['approve', 'edit', 'answer', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'refuse'])), name='pending_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'answer', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'refuse', 'default']), _connector='OR'), name='ticket_resolution_known'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('subject', 'output'), models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'task'), models.Q(('resolution__isnull', True), ('resolution__in', ['edit', 'send_back', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'question'), models.Q(('resolution__isnull', True), ('resolution__in', ['answer', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'audit'), models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'refuse']), _connector='OR')), _connector='OR'), name='ticket_subject_known'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('resolution__in', ('approve', 'edit', 'answer', 'default')), ('resolution_output_json__isnull', False)), models.Q(models.Q(('resolution__isnull', True), models.Q(('resolution__in', ('approve', 'edit', 'answer', 'default')), _negated=True), _connector='OR'), ('resolution_output_json__isnull', True)), _connector='OR'), name='ticket_output_is_approved'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['approve', 'edit', 'answer', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'refuse'])), name='vote_kind_known'),
        ),
    ]
