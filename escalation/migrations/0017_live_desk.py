"""The live desk: who wrote a ticket last, who looks at it, what it is found by, and views of one's own."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from escalation.models.clock import ClockTimestamp

# Named to run before the guard, which then sees the row as it will be.
TELL_CHANGES = """
CREATE FUNCTION escalation_ticket_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_in := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER escalation_ticket_changed BEFORE INSERT OR UPDATE ON escalation_ticket
    FOR EACH ROW EXECUTE FUNCTION escalation_ticket_changed();
"""
TELL_NOTHING = """
DROP TRIGGER escalation_ticket_changed ON escalation_ticket;
DROP FUNCTION escalation_ticket_changed();
"""
# A look is worth no log: after a crash of the server, whoever still looks says so within seconds.
UNLOG = "ALTER TABLE escalation_presence SET UNLOGGED"
LOG = "ALTER TABLE escalation_presence SET LOGGED"
# Any role that may create in the database may have this extension. Where it can't be had, the search for parts of
# numbers reads the codes of the tickets that the other filters leave.
FIND_PARTS = """
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'no pg_trgm (%): the search for parts of numbers goes without an index', SQLERRM;
END $$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_opclass WHERE opcname = 'gin_trgm_ops' AND pg_opclass_is_visible(oid)) THEN
        CREATE INDEX codes_of_ticket ON escalation_ticketwords USING gin (codes gin_trgm_ops);
    END IF;
END $$;
"""
FIND_WORDS = "DROP INDEX IF EXISTS codes_of_ticket"


class Migration(migrations.Migration):
    """Three tables, one column, its trigger, and the indexes of the inbox."""

    dependencies = (
        ("escalation", "0016_comments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    )

    operations = (
        migrations.AddField(
            model_name="ticket",
            name="changed_in",
            field=models.BigIntegerField(
                default=0,
                editable=False,
                help_text="The transaction that wrote the row last; a trigger sets it.",
            ),
        ),
        migrations.RunSQL(TELL_CHANGES, TELL_NOTHING),
        migrations.AddIndex("ticket", models.Index(fields=["changed_in"], name="ticket_changed")),
        migrations.CreateModel(
            name="Presence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "seen_at",
                    models.DateTimeField(
                        db_default=ClockTimestamp(), help_text="Renewed while the page is looked at."
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
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
                        related_name="+",
                        to="escalation.ticket",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("ticket", "person"), name="presence_once")],
            },
        ),
        migrations.RunSQL(UNLOG, LOG),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                (
                    "query",
                    models.CharField(help_text="The filters, as the inbox's address holds them.", max_length=1000),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ("name", "id"),
                "constraints": [
                    models.UniqueConstraint(fields=("person", "name"), name="view_name_once"),
                    models.CheckConstraint(condition=~Q(name=""), name="view_is_named"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TicketWords",
            fields=[
                (
                    "ticket",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="escalation.ticket",
                    ),
                ),
                (
                    "words",
                    django.contrib.postgres.search.SearchVectorField(
                        help_text="Of the configuration `simple`: no language is guessed."
                    ),
                ),
                (
                    "codes",
                    models.TextField(
                        help_text="The words with a digit in them, in lower case, for parts of numbers."
                    ),
                ),
                ("is_cut", models.BooleanField(help_text="Only the beginning was read.")),
                (
                    "is_readable",
                    models.BooleanField(help_text="False: nothing could be read, and nothing is found."),
                ),
                ("written_at", models.DateTimeField(db_default=ClockTimestamp())),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["words"], name="words_of_ticket")
                ],
            },
        ),
        migrations.RunSQL(FIND_PARTS, FIND_WORDS),
        migrations.CreateModel(
            name="WordsPlace",
            fields=[
                ("only", models.BooleanField(default=True, primary_key=True, serialize=False)),
                ("snapshot", models.TextField(help_text="Of PostgreSQL, at the sweep that left nothing behind.")),
                ("older_than", models.BigIntegerField(help_text="A ticket's number; 0 when all are read.")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Q(only=True), name="words_place_is_one")
                ],
            },
        ),
    )
