"""Breakers of models: one attempt counts once for its agent and once for a model that it asked."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Lets a failure be one of an agent and one of a model."""

    dependencies = (("agents", "0007_weigh_failures_against_calls"),)

    operations = (
        migrations.AlterField(
            "countedfailure",
            "attempt",
            models.BigIntegerField(
                help_text="The attempt that failed; each counts once for an agent or model."
            ),
        ),
        migrations.AddConstraint(
            "countedfailure",
            models.UniqueConstraint(fields=("attempt", "agent"), name="counted_failure_once"),
        ),
    )
