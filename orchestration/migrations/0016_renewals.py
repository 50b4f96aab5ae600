"""A step's idempotency key counts how often finished or proposed work of it was ordered anew, no longer its revisions.

Steps that were sent back before keep the key they had in the first round of their run.
"""

from django.db import migrations, models

KEEP_KEYS = "UPDATE orchestration_step SET renewals = revision WHERE revision > 0"


class Migration(migrations.Migration):
    """One column."""

    dependencies = (("orchestration", "0015_children_by_attempt"),)

    operations = (
        migrations.AddField(
            model_name="step",
            name="renewals",
            field=models.IntegerField(
                db_default=0, help_text="Times that finished or proposed work of it was ordered anew."
            ),
        ),
        migrations.RunSQL(KEEP_KEYS, migrations.RunSQL.noop),
    )
