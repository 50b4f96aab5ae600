"""Tries that were left because something within their call waits: a further word."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A further word."""

    dependencies = [
        ('orchestration', '0033_approvals'),
    ]

    operations = [
        migrations.AlterField(
            model_name='calltry',
            name='state',
            field=models.CharField(choices=[('begun', 'begun'), ('done', 'done'), ('failed', 'failed'), ('lost', 'lost'), ('withdrawn', 'withdrawn')], max_length=10),
        ),
    ]
