"""Which breaker a step waits for, if it is not its agent's: a model's. Existing steps wait for their agents'."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a column with a constant default: no row is rewritten."""

    dependencies = (("orchestration", "0030_signals"),)

    operations = (
        migrations.AddField(
            "step",
            "waits_on",
            models.CharField(
                max_length=100,
                db_default="",
                help_text="While it waits for a breaker: the model's whose it is; empty for its agent's.",
            ),
        ),
    )
