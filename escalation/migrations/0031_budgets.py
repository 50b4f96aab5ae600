"""Tickets about budgets that leave too little: a further subject."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A further word."""

    dependencies = [
        ('escalation', '0030_approvals'),
        ('orchestration', '0035_full_pots'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_subject_known',
        ),
        migrations.AlterField(
            model_name='ticket',
            name='subject',
            field=models.CharField(choices=[('output', 'output'), ('task', 'task'), ('question', 'question'), ('calls', 'calls'), ('budget', 'budget'), ('audit', 'audit')], help_text='What the person is asked about.', max_length=10),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('subject', 'output'), models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'task'), models.Q(('resolution__isnull', True), ('resolution__in', ['edit', 'send_back', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'question'), models.Q(('resolution__isnull', True), ('resolution__in', ['answer', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'calls'), models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'send_back', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'budget'), models.Q(('resolution__isnull', True), ('resolution__in', ['answer', 'send_back', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'audit'), models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'refuse']), _connector='OR')), _connector='OR'), name='ticket_subject_known'),
        ),
    ]
