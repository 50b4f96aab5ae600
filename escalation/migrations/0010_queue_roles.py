"""Roles of groups at a review queue; a queue may let nothing else count."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

ROLES = (
    ("viewer", "viewer"),
    ("reviewer", "reviewer"),
    ("lead", "lead"),
    ("queue_admin", "queue admin"),
    ("auditor", "auditor"),
)


class Migration(migrations.Migration):
    """One column and one table; nobody's rights change by it."""

    dependencies = (
        ("auth", "0012_alter_user_first_name_max_length"),
        ("escalation", "0009_notices"),
    )

    operations = (
        migrations.AddField(
            model_name="reviewqueue",
            name="is_restricted",
            field=models.BooleanField(
                default=False,
                help_text="Only the roles given below count. Admins of the project see that the queue exists, "
                "nobody else does; pages of runs hide what its tickets ask about.",
            ),
        ),
        migrations.CreateModel(
            name="QueueRole",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("role", models.CharField(choices=list(ROLES), max_length=12)),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="queue_roles", to="auth.group"
                    ),
                ),
                (
                    "queue",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="roles",
                        to="escalation.reviewqueue",
                    ),
                ),
            ],
            options={
                "ordering": ("queue", "group", "role"),
                "constraints": [
                    models.UniqueConstraint(fields=("queue", "group", "role"), name="queue_role_once"),
                    models.CheckConstraint(
                        condition=Q(role__in=[role for role, _ in ROLES]), name="queue_role_known"
                    ),
                ],
            },
        ),
    )
