"""Steps that make summaries, and what a step waits for meanwhile."""

from importlib import import_module

from django.db import migrations, models

# The trigger's text is that of migration 0032, with one stage more in its list.
_WITHOUT = import_module("orchestration.migrations.0032_budgets")._WITH  # noqa: SLF001 - a part of the same history
_WITH = _WITHOUT.replace("'verdicts', 'calls')", "'verdicts', 'calls', 'summaries')")
_KINDS = ("planned", "item", "spawned", "verifier", "compensation", "summary")
_STAGES = ("", "items", "spawned", "child_run", "verdicts", "calls", "summaries")


class Migration(migrations.Migration):
    """Words."""

    dependencies = (("orchestration", "0043_summaries"),)

    operations = (
        migrations.AlterField(
            model_name="step",
            name="kind",
            field=models.CharField(
                choices=[(word, word) for word in _KINDS], db_default="planned", max_length=12
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="stage",
            field=models.CharField(
                choices=[(word, word) for word in _STAGES],
                db_default="",
                help_text="What its children are, from its growing them to its end.",
                max_length=10,
            ),
        ),
        migrations.RunSQL(_WITH, _WITHOUT),
    )
