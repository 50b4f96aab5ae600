"""Hand-offs tell of memories, too: which, and who wrote it; and so does the lineage."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

_BEFORE = import_module("orchestration.migrations.0042_lineage_of_messages")._VIEW
_VIEW = _BEFORE.replace("h.handed_at, 1::smallint, h.id, f.key::text,", "h.handed_at, 1::smallint, h.id, coalesce(h.source, f.key::text),").replace(
    "'summarised_by', h.summarised_by)::text", "'summarised_by', h.summarised_by, 'kind', h.kind, 'pointer', h.pointer)::text"
)


class Migration(migrations.Migration):
    """Two columns that write no row anew, their constraints, and the view anew."""

    dependencies = [
        ("orchestration", "0052_one_place_for_what_waits"),
    ]

    operations = [
        migrations.AddField(
            model_name="handoff",
            name="memory",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="orchestration.memory",
            ),
        ),
        migrations.AddField(
            model_name="handoff",
            name="source",
            field=models.TextField(help_text="Of a memory: which, and who wrote it.", null=True),
        ),
        migrations.AlterField(
            model_name="handoff",
            name="kind",
            field=models.CharField(
                choices=[("output", "output"), ("fetch", "fetch"), ("recall", "recall")], db_default="output", max_length=10
            ),
        ),
        migrations.AddConstraint(
            model_name="handoff",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "recall")),
                fields=("attempt", "memory"),
                name="handoff_recalled_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="handoff",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "recall"), ("source__isnull", False), ("summary_json", None)),
                    models.Q(models.Q(("kind", "recall"), _negated=True), ("memory", None), ("source", None)),
                    _connector="OR",
                ),
                name="handoff_of_memory_is_told",
            ),
        ),
        migrations.RunSQL(f"DROP VIEW orchestration_lineage; {_VIEW}", f"DROP VIEW orchestration_lineage; {_BEFORE}"),
    ]
