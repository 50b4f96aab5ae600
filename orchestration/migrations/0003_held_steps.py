"""The runs that wait for people are found by their held steps, which are few, not by all their steps."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """An index of held steps; a help text."""

    dependencies = [("orchestration", "0002_guards")]

    operations = [
        migrations.AlterField(
            model_name="step",
            name="unreleased",
            field=models.BooleanField(
                default=False,
                help_text="Done, and something behind it still waits for a join or for the run's end.",
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(condition=models.Q(("status", "held")), fields=["run"], name="step_held"),
        ),
    ]
