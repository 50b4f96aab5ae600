"""Hand-offs say whether an output was handed over or a part of one fetched; of the latter there may be many."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Two columns that write no row anew, and an index that leaves out what was fetched."""

    dependencies = (("orchestration", "0044_summary_steps"),)

    operations = (
        migrations.AddField(
            model_name="handoff",
            name="kind",
            field=models.CharField(
                choices=[("output", "output"), ("fetch", "fetch")], db_default="output", max_length=10
            ),
        ),
        migrations.AddField(
            model_name="handoff",
            name="pointer",
            field=models.TextField(help_text="What was fetched.", null=True),
        ),
        migrations.RemoveConstraint(model_name="handoff", name="handoff_once"),
        migrations.AddConstraint(
            model_name="handoff",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "output")), fields=("attempt", "from_step"), name="handoff_once"
            ),
        ),
    )
