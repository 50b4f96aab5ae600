"""A child run names the try of its step that started it: which one is the latest was told by the clock before.

The number stands at the end of the key, child:<step>.<round>.<revision>.<attempt>, and always has. PostgreSQL reads
it, so workers of the release before this one may go on writing child runs meanwhile.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.functions import Cast


class Migration(migrations.Migration):
    """One generated column; its index takes the place of that by step alone."""

    dependencies = (("orchestration", "0014_a_step_is_whole"),)

    operations = (
        migrations.AddField(
            model_name="run",
            name="parent_attempt",
            field=models.GeneratedField(
                expression=Case(
                    When(
                        parent_step__isnull=False,
                        then=Cast(
                            Func(
                                F("idempotency_key"),
                                Value(r"^child:\d+\.\d+\.\d+\.(\d{1,9})$"),
                                function="substring",
                            ),
                            models.IntegerField(),
                        ),
                    )
                ),
                output_field=models.IntegerField(null=True),
                db_persist=True,
                help_text="Which try of that step started it: the highest is the one it waits for.",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=Q(parent_step__isnull=True) | Q(parent_attempt__isnull=False),
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
