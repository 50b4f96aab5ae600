"""A notice whose sending can't be worked out waits behind the others."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """One column that may be empty: added without rewriting the table."""

    dependencies = [
        ("escalation", "0027_seen_at_a_shell"),
    ]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="retry_at",
            field=models.DateTimeField(
                help_text="When that is tried again; empty: it never failed, and goes before all that did.",
                null=True,
            ),
        ),
    ]
