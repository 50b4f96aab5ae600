"""Further ways to decide a ticket: handed on, closed without an answer, by a rule; and reasons that are counted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns and what they must hold to."""

    dependencies = [
        ('escalation', '0018_assignments'),
        ('orchestration', '0023_results_and_early_ends'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_resolution_known',
        ),
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_resolved_is_decided',
        ),
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_output_is_approved',
        ),
        migrations.RemoveConstraint(
            model_name='ticket',
            name='ticket_subject_known',
        ),
        migrations.AddField(
            model_name='ticket',
            name='handed_to',
            field=models.CharField(default='', help_text='The agent that does the step then.', max_length=200),
        ),
        migrations.AddField(
            model_name='ticket',
            name='reason_code',
            field=models.CharField(default='', help_text='Why, in a word that is counted.', max_length=50),
        ),
        migrations.AddField(
            model_name='ticket',
            name='scope',
            field=models.CharField(choices=[('part', 'part'), ('tree', 'tree')], default='', help_text='How far it reached that the run was closed.', max_length=4),
        ),
        migrations.AlterField(
            model_name='ticket',
            name='resolution',
            field=models.CharField(choices=[('approve', 'approve'), ('edit', 'edit'), ('send_back', 'send_back'), ('hand_on', 'hand_on'), ('skip', 'skip'), ('close', 'close'), ('abort', 'abort'), ('default', 'default')], max_length=10, null=True),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'default']), _connector='OR'), name='ticket_resolution_known'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('subject', 'output'), models.Q(('resolution__isnull', True), ('resolution__in', ['approve', 'edit', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'default']), _connector='OR')), models.Q(('subject', 'task'), models.Q(('resolution__isnull', True), ('resolution__in', ['edit', 'send_back', 'skip', 'close', 'abort', 'default']), _connector='OR')), _connector='OR'), name='ticket_subject_known'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('resolution__isnull', False), ('resolved_at__isnull', False), ('status', 'resolved'), models.Q(models.Q(('resolved_by__isnull', False), ('resolved_rule', '')), models.Q(('resolution__in', ['default', 'abort']), ('resolved_by__isnull', True), models.Q(('resolved_rule', ''), _negated=True)), _connector='OR')), models.Q(models.Q(('status', 'resolved'), _negated=True), ('feedback', ''), ('handed_to', ''), ('note', ''), ('reason_code', ''), ('resolution__isnull', True), ('resolution_output_json__isnull', True), ('resolved_at__isnull', True), ('resolved_by__isnull', True), ('resolved_rule', ''), ('scope', '')), _connector='OR'), name='ticket_resolved_is_decided'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('resolution__in', ('approve', 'edit', 'default')), ('resolution_output_json__isnull', False)), models.Q(models.Q(('resolution__isnull', True), models.Q(('resolution__in', ('approve', 'edit', 'default')), _negated=True), _connector='OR'), ('resolution_output_json__isnull', True)), _connector='OR'), name='ticket_output_is_approved'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('resolution', 'hand_on'), models.Q(('handed_to', ''), _negated=True)), models.Q(models.Q(('resolution__isnull', True), models.Q(('resolution', 'hand_on'), _negated=True), _connector='OR'), ('handed_to', '')), _connector='OR'), name='ticket_handed_to_somebody'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('scope', ''), models.Q(('resolution', 'close'), ('scope__in', ['part', 'tree'])), _connector='OR'), name='ticket_scope_is_of_a_closing'),
        ),
    ]
