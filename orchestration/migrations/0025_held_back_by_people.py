"""Agents are held back while people can't keep up, and their steps may wait for that."""

from importlib import import_module

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# The trigger's text is that of migration 0021, with one word more in its list.
_BEFORE = import_module("orchestration.migrations.0021_known_waits")
_WITHOUT = _BEFORE._CHECK.format(waits=_BEFORE._WAITS.strip())
_WITH = _WITHOUT.replace("'deadline', 'ring')", "'deadline', 'ring', 'reviewers')")
# A step that waits for people is found again by `ring_lost`, once its word is gone.
_CLEAR = "UPDATE orchestration_step SET waits_for = '' WHERE waits_for = 'reviewers'"
_WORDS = ("", "agent", "pool", "slot", "breaker", "deadline", "ring", "reviewers")


class Migration(migrations.Migration):
    """A table of what is held back, and a further word in the trigger `step_is_whole`."""

    dependencies = (("orchestration", "0024_audit_samples"),)

    operations = (
        migrations.CreateModel(
            name="Throttle",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("agent", models.CharField(max_length=200)),
                ("source", models.CharField(help_text="Whose people can't keep up.", max_length=200)),
                ("reason", models.TextField()),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("asked_step", models.BigIntegerField(help_text="The step that asks people about it.", null=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="orchestration.project"
                    ),
                ),
            ],
            options={"ordering": ("project", "agent", "source")},
        ),
        migrations.AddConstraint(
            model_name="throttle",
            constraint=models.UniqueConstraint(fields=("project", "agent", "source"), name="throttle_once"),
        ),
        migrations.AlterField(
            model_name="step",
            name="waits_for",
            field=models.CharField(
                choices=[(word, word) for word in _WORDS],
                default="",
                help_text="Why an available step is not rung for; empty when it is.",
                max_length=10,
            ),
        ),
        migrations.RunSQL(_WITH, _CLEAR + ";" + _WITHOUT),
    )
