"""What people say about tickets: rows that are only appended."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import escalation.models.clock

GUARDS = """
CREATE TRIGGER comment_is_kept BEFORE UPDATE OR DELETE ON escalation_comment
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER comments_are_kept BEFORE TRUNCATE ON escalation_comment
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER comments_are_kept ON escalation_comment;
DROP TRIGGER comment_is_kept ON escalation_comment;
"""


class Migration(migrations.Migration):
    """One table and its triggers."""

    dependencies = (
        ("escalation", "0015_alike"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    )

    operations = (
        migrations.CreateModel(
            name="Comment",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("at", models.DateTimeField(db_default=escalation.models.clock.ClockTimestamp())),
                (
                    "author_name",
                    models.CharField(help_text="As the account was called then.", max_length=150),
                ),
                ("text", models.TextField()),
                (
                    "mentioned",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=150),
                        default=list,
                        help_text="Who was told, by account name.",
                        size=None,
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="comments",
                        to="escalation.ticket",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "indexes": [models.Index(fields=["ticket", "id"], name="comment_of_ticket")],
            },
        ),
        migrations.RunSQL(GUARDS, UNGUARD),
    )
