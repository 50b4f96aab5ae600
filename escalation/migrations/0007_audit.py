"""The audit of the desk: rows that are only appended."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

import escalation.models.clock

GUARDS = """
CREATE TRIGGER auditline_is_kept BEFORE UPDATE OR DELETE ON escalation_auditline
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER auditlines_are_kept BEFORE TRUNCATE ON escalation_auditline
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER auditlines_are_kept ON escalation_auditline;
DROP TRIGGER auditline_is_kept ON escalation_auditline;
"""


class Migration(migrations.Migration):
    """One table and its triggers."""

    dependencies = (
        ("escalation", "0006_subject"),
        ("agents", "0006_history_is_kept"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    )

    operations = (
        migrations.CreateModel(
            name="AuditLine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=escalation.models.clock.ClockTimestamp())),
                ("actor_name", models.CharField(help_text="As the account was called then.", max_length=150)),
                (
                    "door",
                    models.CharField(
                        choices=[(door, door) for door in ("console", "api", "command", "engine")], max_length=10
                    ),
                ),
                (
                    "address",
                    models.CharField(
                        default="", help_text="Of the network; of a command, the system's user.", max_length=60
                    ),
                ),
                ("act", models.CharField(max_length=12)),
                (
                    "digest",
                    models.CharField(
                        default="", help_text="SHA-256 of what was judged, hexadecimal.", max_length=64
                    ),
                ),
                ("hour", models.DateTimeField(help_text="Of what was seen: told once an hour.", null=True)),
                ("data_json", models.TextField(default="{}")),
                (
                    "actor",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "queue",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="escalation.reviewqueue",
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="escalation.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "indexes": [models.Index(fields=["queue", "at"], name="audit_of_queue")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(act="saw"),
                        fields=("ticket", "actor", "digest", "hour"),
                        name="audit_seen_once",
                    ),
                    models.CheckConstraint(
                        condition=Q(door__in=["console", "api", "command", "engine"]), name="audit_door_known"
                    ),
                    models.CheckConstraint(
                        condition=~Q(act="saw")
                        | Q(hour__isnull=False, ticket__isnull=False, actor__isnull=False),
                        name="audit_seen_is_dated",
                    ),
                ],
            },
        ),
        migrations.RunSQL(GUARDS, UNGUARD),
    )
