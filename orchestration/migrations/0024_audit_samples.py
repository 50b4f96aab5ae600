"""Accepted work that is kept for a later look; written once, as history is."""

import django.db.models.deletion
from django.db import migrations, models

GUARD = """
CREATE TRIGGER auditsample_is_kept BEFORE UPDATE OR DELETE ON orchestration_auditsample
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER auditsample_rows_are_kept BEFORE TRUNCATE ON orchestration_auditsample
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER auditsample_rows_are_kept ON orchestration_auditsample;
DROP TRIGGER auditsample_is_kept ON orchestration_auditsample;
"""


def _of(name):  # noqa: ANN001, ANN202 - one line for each column
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE,
        related_name="samples",
        to=f"orchestration.{name}",
        db_constraint=False,
    )


class Migration(migrations.Migration):
    """A table."""

    dependencies = (("orchestration", "0023_results_and_early_ends"),)

    operations = (
        migrations.CreateModel(
            name="AuditSample",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "rate",
                    models.FloatField(help_text="The part that was drawn: each row stands for 1 / rate answers."),
                ),
                ("at", models.DateTimeField(help_text="The end of the attempt.")),
                (
                    "attempt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sample",
                        to="orchestration.attempt",
                    ),
                ),
                ("run", _of("run")),
                ("step", _of("step")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("rate__gt", 0), ("rate__lte", 1)), name="audit_sample_rate_in_range"
                    )
                ],
            },
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    )
