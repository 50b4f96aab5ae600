"""What calls used. All columns may be NULL and have no default: no row is written, the tables are locked for a moment."""

from django.db import migrations, models

_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_micro_usd",
)
_WORDS = ("provider", "model", "response_id", "finish_reason")


class Migration(migrations.Migration):
    """Ten columns of calls, two of their tries."""

    dependencies = (("orchestration", "0026_calls"),)

    operations = (
        *(migrations.AddField("call", name, models.BigIntegerField(null=True)) for name in _COUNTS),
        *(migrations.AddField("call", name, models.TextField(null=True)) for name in _WORDS),
        migrations.AddField(
            "calltry", "tokens", models.BigIntegerField(null=True, help_text="In and out; NULL: nothing was said.")
        ),
        migrations.AddField("calltry", "cost_micro_usd", models.BigIntegerField(null=True)),
    )
