import django.db.models.deletion
import orchestration.models.trace
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orchestration", "0005_keep_requesters"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PastOutput",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("round", models.PositiveSmallIntegerField()),
                ("revision", models.PositiveIntegerField()),
                ("status", models.CharField(help_text="Succeeded or skipped.", max_length=10)),
                ("output_json", models.TextField(help_text="Canonical JSON.")),
                ("output_digest", models.CharField(max_length=64)),
                ("receipt_digest", models.CharField(max_length=64)),
                ("finished_at", models.DateTimeField()),
                ("superseded_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="receipt",
            name="receipt_once",
        ),
        migrations.RemoveConstraint(
            model_name="run",
            name="run_status_known",
        ),
        migrations.RemoveConstraint(
            model_name="run",
            name="run_final_is_finished",
        ),
        migrations.RemoveConstraint(
            model_name="step",
            name="step_status_known",
        ),
        migrations.AddField(
            model_name="edge",
            name="is_child",
            field=models.BooleanField(
                db_default=False, help_text="The predecessor was grown by the successor."
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="transaction_id",
            field=models.BigIntegerField(db_default=orchestration.models.trace.CurrentTransaction()),
        ),
        migrations.AddField(
            model_name="receipt",
            name="revision",
            field=models.PositiveIntegerField(db_default=0, help_text="The step's, at the time."),
        ),
        migrations.AddField(
            model_name="run",
            name="deadline_at",
            field=models.DateTimeField(help_text="No retry outlives it.", null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="depth",
            field=models.PositiveSmallIntegerField(db_default=0, help_text="Runs above this one."),
        ),
        migrations.AddField(
            model_name="run",
            name="forked_from",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="forks",
                to="orchestration.run",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="forked_from_step",
            field=models.CharField(
                db_default="", help_text="Key of the first step done anew.", max_length=100
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="parent_step",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="child_runs",
                to="orchestration.step",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="priority",
            field=models.SmallIntegerField(
                db_default=0, help_text="Higher goes first where steps wait for a pool."
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="root_id",
            field=models.UUIDField(
                default="00000000-0000-0000-0000-000000000000",
                help_text="The run at the top of its tree; its own id for a run nobody started.",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="run",
            name="untold",
            field=models.BooleanField(
                db_default=False, help_text="Ended, and the step that waits for it was not told yet."
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="accepted_by",
            field=models.CharField(
                choices=[("", ""), ("verdict", "verdict"), ("person", "person")], db_default="", max_length=10
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="depth",
            field=models.PositiveSmallIntegerField(
                db_default=0, help_text="Steps above this one in its run."
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="fallbacks",
            field=models.PositiveSmallIntegerField(
                db_default=0, help_text="How far down its fallback agents it is."
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="gated",
            field=models.BooleanField(
                db_default=False, help_text="Nothing passes without a verdict or a person."
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="index",
            field=models.PositiveIntegerField(help_text="Place among its siblings, from 0.", null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="item_json",
            field=models.TextField(null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="kind",
            field=models.CharField(
                choices=[
                    ("planned", "planned"),
                    ("item", "item"),
                    ("spawned", "spawned"),
                    ("verifier", "verifier"),
                    ("compensation", "compensation"),
                ],
                db_default="planned",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="parent",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="children",
                to="orchestration.step",
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="pools",
            field=models.JSONField(
                db_default=models.Value({}, models.JSONField()),
                help_text="Slots it takes with its claim, by pool.",
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="reworks",
            field=models.PositiveIntegerField(db_default=0, help_text="Those that a later step sent back."),
        ),
        migrations.AddField(
            model_name="step",
            name="spec_json",
            field=models.TextField(null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="spec_key",
            field=models.CharField(
                default="",
                help_text="Its place in the workflow's spec; its own for a planned one.",
                max_length=100,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="step",
            name="stage",
            field=models.CharField(
                choices=[
                    ("", ""),
                    ("items", "items"),
                    ("spawned", "spawned"),
                    ("child_run", "child_run"),
                    ("verdicts", "verdicts"),
                ],
                db_default="",
                help_text="What its children are, from its growing them to its end.",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="verdict_revisions",
            field=models.PositiveIntegerField(db_default=0, help_text="Those that its verifiers sent back."),
        ),
        migrations.AlterField(
            model_name="attempt",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("answered", "answered"),
                    ("expanded", "expanded"),
                    ("collected", "collected"),
                    ("asked", "asked"),
                    ("failed", "failed"),
                    ("crashed", "crashed"),
                    ("passed_over", "passed_over"),
                    ("withdrawn", "withdrawn"),
                ],
                max_length=12,
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="decision",
            name="kind",
            field=models.CharField(
                choices=[
                    ("accept", "accept"),
                    ("retry", "retry"),
                    ("revise", "revise"),
                    ("rework", "rework"),
                    ("fallback", "fallback"),
                    ("wait", "wait"),
                    ("skip", "skip"),
                    ("escalate", "escalate"),
                    ("abort", "abort"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="receipt",
            name="kind",
            field=models.CharField(
                choices=[
                    ("output", "output"),
                    ("edit", "edit"),
                    ("skip", "skip"),
                    ("reuse", "reuse"),
                    ("compensation", "compensation"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="run",
            name="status",
            field=models.CharField(
                choices=[
                    ("running", "running"),
                    ("paused", "paused"),
                    ("compensating", "compensating"),
                    ("succeeded", "succeeded"),
                    ("failed", "failed"),
                    ("cancelled", "cancelled"),
                ],
                default="running",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="key",
            field=models.CharField(
                help_text="`fetch`; `fetch[3]` an item of it; `plan/ask` spawned by it.", max_length=300
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="status",
            field=models.CharField(
                choices=[
                    ("pending", "pending"),
                    ("available", "available"),
                    ("running", "running"),
                    ("waiting", "waiting"),
                    ("retryable", "retryable"),
                    ("held", "held"),
                    ("succeeded", "succeeded"),
                    ("skipped", "skipped"),
                    ("failed", "failed"),
                    ("cancelled", "cancelled"),
                ],
                default="pending",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="waits_for",
            field=models.CharField(
                default="",
                help_text="Why an available step is not rung for: agent, pool, breaker.",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["run", "transaction_id", "id"], name="event_to_follow"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["root_id", "depth"], name="run_of_tree"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("parent_step__isnull", False)), fields=["parent_step"], name="run_of_step"
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(condition=models.Q(("untold", True)), fields=["id"], name="run_untold"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("deadline_at__isnull", False)),
                fields=["deadline_at"],
                name="run_deadline",
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                condition=models.Q(("parent__isnull", False)),
                fields=["parent", "index"],
                name="step_of_parent",
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                condition=models.Q(("waits_for", ""), _negated=True),
                fields=["waits_for"],
                name="step_waits_for",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(fields=("step", "round", "revision"), name="receipt_once"),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["running", "paused", "compensating", "succeeded", "failed", "cancelled"])
                ),
                name="run_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("finished_at__isnull", True), ("status__in", ["compensating", "paused", "running"])
                    ),
                    models.Q(
                        models.Q(("status__in", ["compensating", "paused", "running"]), _negated=True),
                        ("finished_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="run_final_is_finished",
            ),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "pending",
                            "available",
                            "running",
                            "waiting",
                            "retryable",
                            "held",
                            "succeeded",
                            "skipped",
                            "failed",
                            "cancelled",
                        ],
                    )
                ),
                name="step_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("gated", False),
                    models.Q(("status", "succeeded"), _negated=True),
                    ("accepted_by__in", ("verdict", "person")),
                    _connector="OR",
                ),
                name="step_gated_is_accepted",
            ),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "waiting"), _negated=True),
                    models.Q(("stage", ""), _negated=True),
                    _connector="OR",
                ),
                name="step_waiting_has_stage",
            ),
        ),
        migrations.AddField(
            model_name="pastoutput",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="orchestration.run",
            ),
        ),
        migrations.AddField(
            model_name="pastoutput",
            name="step",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="past_outputs",
                to="orchestration.step",
            ),
        ),
        migrations.AddConstraint(
            model_name="pastoutput",
            constraint=models.UniqueConstraint(fields=("step", "round", "revision"), name="past_output_once"),
        ),
        # Runs from before had no children: each is its own tree, each of its steps stands in the spec.
        migrations.RunSQL("UPDATE orchestration_run SET root_id = id", migrations.RunSQL.noop),
        migrations.RunSQL("UPDATE orchestration_step SET spec_key = key", migrations.RunSQL.noop),
    ]
