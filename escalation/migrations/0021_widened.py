"""A missed deadline may open a ticket to the members of a further group."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Whose members may decide a ticket, too."""

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('escalation', '0020_messages'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='breachaction',
            name='breach_action_known',
        ),
        migrations.AddField(
            model_name='breachaction',
            name='to_group',
            field=models.ForeignKey(blank=True, help_text='With widen: whose members may look at the ticket and decide it, too, from then on.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='auth.group'),
        ),
        migrations.AddField(
            model_name='breachdeed',
            name='group',
            field=models.ForeignKey(db_constraint=False, db_index=False, help_text='Whose members may look at the ticket and decide it since.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='auth.group'),
        ),
        migrations.AlterField(
            model_name='breachaction',
            name='step',
            field=models.CharField(choices=[('tell', 'tell'), ('widen', 'widen'), ('reroute', 'reroute'), ('default', 'default'), ('abort', 'abort')], max_length=10, verbose_name='action'),
        ),
        migrations.AlterField(
            model_name='breachdeed',
            name='step',
            field=models.CharField(choices=[('tell', 'tell'), ('widen', 'widen'), ('reroute', 'reroute'), ('default', 'default'), ('abort', 'abort')], max_length=10),
        ),
        migrations.AddIndex(
            model_name='breachdeed',
            index=models.Index(condition=models.Q(('group__isnull', False)), fields=['group', 'ticket'], name='breach_deed_widened'),
        ),
        migrations.AddConstraint(
            model_name='breachaction',
            constraint=models.CheckConstraint(condition=models.Q(('step__in', ['tell', 'widen', 'reroute', 'default', 'abort'])), name='breach_action_known'),
        ),
        migrations.AddConstraint(
            model_name='breachdeed',
            constraint=models.CheckConstraint(condition=models.Q(('group__isnull', True), ('step', 'widen'), _connector='OR'), name='breach_deed_widens'),
        ),
    ]
