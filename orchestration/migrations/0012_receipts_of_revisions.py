"""Receipts from before revisions were told apart get the revision that their bodies name."""

from django.db import migrations

# The body is what the digest is over; the column only repeats it, so the proof stays what it was.
FILL = """
ALTER TABLE orchestration_receipt DISABLE TRIGGER receipt_is_immutable;
UPDATE orchestration_receipt SET revision = (body_json::jsonb ->> 'revision')::integer
WHERE revision = 0 AND (body_json::jsonb ->> 'revision')::integer > 0;
ALTER TABLE orchestration_receipt ENABLE TRIGGER receipt_is_immutable;
"""


class Migration(migrations.Migration):
    """One column filled."""

    dependencies = (("orchestration", "0011_indexes_once"),)

    operations = (migrations.RunSQL(FILL, migrations.RunSQL.noop),)
