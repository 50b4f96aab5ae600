"""Whose turn it was to be assigned a ticket, and when a claim began."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """A table and a nullable column."""

    dependencies = [
        ('escalation', '0017_live_desk'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='ticket',
            name='claimed_at',
            field=models.DateTimeField(help_text='When the claim of this number began.', null=True),
        ),
        migrations.CreateModel(
            name='AssignmentTurn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('queue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='escalation.reviewqueue')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('queue', 'user'), name='assignment_turn_once')],
            },
        ),
    ]
