"""Calls say for which version of their agent they were asked first."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column that has a default: rows of before are those of a first version."""

    dependencies = [
        ('orchestration', '0037_lineage'),
    ]

    operations = [
        migrations.AddField(
            model_name='call',
            name='version',
            field=models.IntegerField(db_default=1, help_text='Of the contract of the agent that asked it first.'),
        ),
    ]
