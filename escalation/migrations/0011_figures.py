"""Figures of hours and days, forecasts, and the indexes by which an hour is counted."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Tables and indexes; the maintainer fills them, back to the first ticket."""

    dependencies = [
        ("escalation", "0010_queue_roles"),
        ("orchestration", "0022_usage_as_numbers"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AgentHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("agent", models.CharField(max_length=200)),
                ("attempts", models.PositiveIntegerField()),
            ],
            options={
                "ordering": ("hour", "project", "agent"),
            },
        ),
        migrations.CreateModel(
            name="DayFigure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "agent",
                    models.CharField(
                        help_text="Empty where nobody asks for it; see `domain/measures.py`.", max_length=200
                    ),
                ),
                ("rule", models.CharField(help_text="Empty where nobody asks for it.", max_length=60)),
                ("measure", models.CharField(max_length=30)),
                (
                    "bucket",
                    models.SmallIntegerField(
                        help_text="Of a length of time or a confidence; 0 where there is none."
                    ),
                ),
                ("count", models.PositiveIntegerField()),
                ("day", models.DateTimeField(help_text="Its beginning, UTC.")),
            ],
            options={
                "ordering": ("day", "id"),
            },
        ),
        migrations.CreateModel(
            name="FoldedHour",
            fields=[
                (
                    "hour",
                    models.DateTimeField(help_text="Its beginning, UTC.", primary_key=True, serialize=False),
                ),
                ("folded_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("-hour",),
            },
        ),
        migrations.CreateModel(
            name="Forecast",
            fields=[
                (
                    "ticket",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="forecast",
                        serialize=False,
                        to="escalation.ticket",
                    ),
                ),
                ("made_at", models.DateTimeField()),
                (
                    "ahead",
                    models.PositiveIntegerField(
                        help_text="Open tickets of its queue that were due before it."
                    ),
                ),
                ("pace", models.FloatField(help_text="Decisions per second that its queue was good for.")),
                (
                    "expected_at",
                    models.DateTimeField(
                        help_text="When it would be decided. Empty: nobody decides.", null=True
                    ),
                ),
                (
                    "predicted_breach_at",
                    models.DateTimeField(
                        help_text="Its due time, if it would be missed at that pace; else empty.", null=True
                    ),
                ),
            ],
            options={
                "ordering": ("ticket",),
            },
        ),
        migrations.CreateModel(
            name="HourFigure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "agent",
                    models.CharField(
                        help_text="Empty where nobody asks for it; see `domain/measures.py`.", max_length=200
                    ),
                ),
                ("rule", models.CharField(help_text="Empty where nobody asks for it.", max_length=60)),
                ("measure", models.CharField(max_length=30)),
                (
                    "bucket",
                    models.SmallIntegerField(
                        help_text="Of a length of time or a confidence; 0 where there is none."
                    ),
                ),
                ("count", models.PositiveIntegerField()),
                ("hour", models.DateTimeField(help_text="Its beginning, UTC.")),
            ],
            options={
                "ordering": ("hour", "id"),
            },
        ),
        migrations.AddIndex(
            model_name="breach",
            index=models.Index(fields=["due_at"], name="breach_due"),
        ),
        migrations.AddIndex(
            model_name="breach",
            index=models.Index(fields=["found_at"], name="breach_found"),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(fields=["opened_at"], name="ticket_opened"),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("touched_at__isnull", False)),
                fields=["touched_at"],
                name="ticket_touched",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("resolved_at__isnull", False)),
                fields=["resolved_at"],
                name="ticket_resolved",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("withdrawn_at__isnull", False)),
                fields=["withdrawn_at"],
                name="ticket_withdrawn",
            ),
        ),
        migrations.AddField(
            model_name="agenthour",
            name="project",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="orchestration.project",
            ),
        ),
        migrations.AddField(
            model_name="dayfigure",
            name="queue",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="escalation.reviewqueue",
            ),
        ),
        migrations.AddConstraint(
            model_name="foldedhour",
            constraint=models.CheckConstraint(
                condition=models.Q(("folded_at__gt", models.F("hour"))), name="folded_hour_has_begun"
            ),
        ),
        migrations.AddConstraint(
            model_name="forecast",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expected_at__isnull", True),
                    ("predicted_breach_at__isnull", True),
                    ("predicted_breach_at__lt", models.F("expected_at")),
                    _connector="OR",
                ),
                name="forecast_breach_is_before_decision",
            ),
        ),
        migrations.AddField(
            model_name="hourfigure",
            name="queue",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="escalation.reviewqueue",
            ),
        ),
        migrations.AddConstraint(
            model_name="agenthour",
            constraint=models.UniqueConstraint(fields=("hour", "project", "agent"), name="agent_hour_once"),
        ),
        migrations.AddIndex(
            model_name="dayfigure",
            index=models.Index(
                condition=models.Q(("measure__in", ("right", "wrong"))),
                fields=["agent", "measure", "bucket"],
                include=("count",),
                name="day_figure_accuracy",
            ),
        ),
        migrations.AddConstraint(
            model_name="dayfigure",
            constraint=models.UniqueConstraint(
                fields=("day", "queue", "agent", "rule", "measure", "bucket"), name="day_figure_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="hourfigure",
            constraint=models.UniqueConstraint(
                fields=("hour", "queue", "agent", "rule", "measure", "bucket"), name="hour_figure_once"
            ),
        ),
    ]
