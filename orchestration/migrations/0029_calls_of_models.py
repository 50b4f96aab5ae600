"""Calls of models and of their tools: two more kinds. Nothing of the table changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Names the kinds."""

    dependencies = (("orchestration", "0028_handoff_tokens"),)

    operations = (
        migrations.AlterField(
            "call",
            "kind",
            models.CharField(max_length=10, choices=[("once", "once"), ("model", "model"), ("tool", "tool")]),
        ),
    )
