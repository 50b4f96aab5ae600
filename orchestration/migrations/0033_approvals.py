"""Calls that a person approves: a further kind."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A further word."""

    dependencies = [
        ('orchestration', '0032_budgets'),
    ]

    operations = [
        migrations.AlterField(
            model_name='call',
            name='kind',
            field=models.CharField(choices=[('once', 'once'), ('model', 'model'), ('tool', 'tool'), ('timer', 'timer'), ('signal', 'signal'), ('ask', 'ask'), ('approval', 'approval')], max_length=10),
        ),
    ]
