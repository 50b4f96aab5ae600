"""A child run names the try of its step that started it: which one is the latest was told by the clock before."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

# The key of a child run has always ended with that number: child:<step>.<round>.<revision>.<attempt>.
FILL = """
UPDATE orchestration_run SET parent_attempt = split_part(idempotency_key, '.', 4)::integer
WHERE parent_step_id IS NOT NULL
"""


class Migration(migrations.Migration):
    """One column, filled and guarded; its constraint's index takes the place of that by step alone."""

    dependencies = (("orchestration", "0014_a_step_is_whole"),)

    operations = (
        migrations.AddField(
            model_name="run",
            name="parent_attempt",
            field=models.IntegerField(
                null=True, help_text="Which try of that step started it: the highest is the one it waits for."
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=Q(parent_step__isnull=True, parent_attempt__isnull=True)
                | Q(parent_step__isnull=False, parent_attempt__gte=1),
                name="run_child_names_its_attempt",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(
                fields=("parent_step", "parent_attempt"),
                condition=Q(parent_step__isnull=False),
                name="run_child_once_per_attempt",
            ),
        ),
        migrations.RemoveIndex(model_name="run", name="run_of_step"),
        migrations.AlterField(
            model_name="run",
            name="parent_step",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="child_runs",
                to="orchestration.step",
            ),
        ),
    )
