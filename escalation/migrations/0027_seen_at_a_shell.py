"""Whoever is shown a proposal at a shell leaves a line, also without having said who they are."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Two constraints of the audit, and what a form says of a routing rule's place."""

    dependencies = [
        ("escalation", "0026_votes_by_time"),
    ]

    operations = [
        migrations.AlterField(
            model_name="routingrule",
            name="position",
            field=models.PositiveIntegerField(
                help_text="The lower, the earlier it is tried; of several at one, the one made first."
            ),
        ),
        migrations.RemoveConstraint(model_name="auditline", name="audit_seen_is_dated"),
        migrations.AddConstraint(
            model_name="auditline",
            constraint=models.CheckConstraint(
                condition=~Q(act="saw")
                | (
                    Q(hour__isnull=False, ticket__isnull=False)
                    & (Q(actor__isnull=False) | Q(door="command"))
                ),
                name="audit_seen_is_dated",
            ),
        ),
        migrations.AddConstraint(
            model_name="auditline",
            constraint=models.UniqueConstraint(
                fields=("ticket", "address", "digest", "hour"),
                condition=Q(act="saw", actor__isnull=True),
                name="audit_seen_at_shell_once",
            ),
        ),
    ]
