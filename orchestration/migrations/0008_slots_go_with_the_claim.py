"""A claim's slots of pools go with its token, in the statement that ends the claim, whichever that is."""

from django.db import migrations

TRIGGER = """
CREATE TRIGGER step_gives_back_its_slots AFTER UPDATE OF token ON orchestration_step FOR EACH ROW
    WHEN (OLD.token IS NOT NULL AND NEW.token IS DISTINCT FROM OLD.token AND OLD.pools <> '{}'::jsonb)
    EXECUTE FUNCTION ringmaster_give_back_slots();
"""
DROP = "DROP TRIGGER step_gives_back_its_slots ON orchestration_step;"


class Migration(migrations.Migration):
    """The trigger."""

    dependencies = (
        ("orchestration", "0007_membership"),
        ("agents", "0003_slots_go_with_the_claim"),
    )

    operations = (migrations.RunSQL(TRIGGER, DROP),)
