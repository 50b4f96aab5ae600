"""Runs that succeed may have a result of their own, written once; a rule may let a gated output pass."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

_RESULTS = ("computed", "ended", "finished", "closed")
GUARD = """
CREATE TRIGGER runresult_is_kept BEFORE UPDATE OR DELETE ON orchestration_runresult
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER runresult_rows_are_kept BEFORE TRUNCATE ON orchestration_runresult
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER runresult_rows_are_kept ON orchestration_runresult;
DROP TRIGGER runresult_is_kept ON orchestration_runresult;
"""


class Migration(migrations.Migration):
    """A table, a column of workflows, two further words."""

    dependencies = (("orchestration", "0022_usage_as_numbers"),)

    operations = (
        migrations.CreateModel(
            name="RunResult",
            fields=[
                (
                    "run",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="result",
                        serialize=False,
                        to="orchestration.run",
                    ),
                ),
                ("kind", models.CharField(choices=[(k, k) for k in _RESULTS], max_length=10)),
                ("output_json", models.TextField(help_text="Canonical JSON.", null=True)),
                ("digest", models.CharField(max_length=64, null=True)),
                ("error", models.TextField(default="", help_text="Why it could not be made, in words.")),
                ("by", models.CharField(default="", help_text="Who ended the run early.", max_length=300)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="runresult",
            constraint=models.CheckConstraint(
                condition=Q(kind__in=["computed", "ended", "finished", "closed"]), name="run_result_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="runresult",
            constraint=models.CheckConstraint(
                condition=Q(output_json__isnull=False, digest__isnull=False, error="")
                | (Q(output_json__isnull=True, digest__isnull=True) & ~Q(error="")),
                name="run_result_or_error",
            ),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
        migrations.AddField(
            model_name="workflow",
            name="output",
            field=models.TextField(
                db_default="", help_text="CEL: what a run that succeeded gives back, if said."
            ),
        ),
        migrations.AlterField(
            model_name="receipt",
            name="kind",
            field=models.CharField(
                choices=[
                    (k, k) for k in ("output", "edit", "default", "skip", "reuse", "compensation")
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="accepted_by",
            field=models.CharField(
                choices=[("", ""), ("verdict", "verdict"), ("person", "person"), ("rule", "rule")],
                db_default="",
                max_length=10,
            ),
        ),
        migrations.RemoveConstraint(model_name="step", name="step_gated_is_accepted"),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=Q(gated=False)
                | ~Q(status="succeeded")
                | Q(accepted_by__in=("verdict", "person", "rule")),
                name="step_gated_is_accepted",
            ),
        ),
    )
