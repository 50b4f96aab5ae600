"""Drops indexes whose column another index of the table begins with: each step wrote a dozen entries too many."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Foreign keys keep their columns and constraints."""

    dependencies = (("orchestration", "0010_past_outputs_are_written_once"),)

    operations = (
        migrations.AlterField(
            model_name="attempt",
            name="step",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="attempts",
                to="orchestration.step",
            ),
        ),
        migrations.AlterField(
            model_name="edge",
            name="successor",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="edges_in",
                to="orchestration.step",
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="orchestration.run",
            ),
        ),
        migrations.AlterField(
            model_name="handoff",
            name="attempt",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="handoffs",
                to="orchestration.attempt",
            ),
        ),
        migrations.AlterField(
            model_name="receipt",
            name="step",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="receipts",
                to="orchestration.step",
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="parent",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="children",
                to="orchestration.step",
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="process",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="steps",
                to="orchestration.workerprocess",
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="steps",
                to="orchestration.run",
            ),
        ),
    )
