"""What a step had put out before it was sent back is history: written once, like receipts."""

from django.db import migrations

GUARD = """
CREATE TRIGGER past_output_is_immutable BEFORE UPDATE ON orchestration_pastoutput
    FOR EACH ROW EXECUTE FUNCTION ringmaster_refuse_change();
"""


class Migration(migrations.Migration):
    """One trigger."""

    dependencies = (("orchestration", "0009_verifier_trials"),)

    operations = (
        migrations.RunSQL(GUARD, "DROP TRIGGER past_output_is_immutable ON orchestration_pastoutput"),
    )
