"""What a claim's row calls when its token goes: its slots are free in the same commit."""

from django.db import migrations

# Here, because the table is; the trigger itself is on the table of those who claim, in the app above.
GIVE_BACK = """
CREATE FUNCTION ringmaster_give_back_slots() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM agents_poolslot WHERE token = OLD.token;
    RETURN NULL;
END $$;
"""
DROP = "DROP FUNCTION ringmaster_give_back_slots();"


class Migration(migrations.Migration):
    """The function."""

    dependencies = (("agents", "0002_events_are_written_once"),)

    operations = (migrations.RunSQL(GIVE_BACK, DROP),)
