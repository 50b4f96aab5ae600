"""Runs, steps and projects know no way back to tickets and queues: their room asks through its port."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Names in Python only; the database stays as it is."""

    dependencies = (("escalation", "0004_who_gave_it_back"),)

    operations = (
        migrations.AlterField(
            model_name="reviewqueue",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="orchestration.project"
            ),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="orchestration.run",
            ),
        ),
        migrations.AlterField(
            model_name="ticket",
            name="step",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="orchestration.step"
            ),
        ),
    )
