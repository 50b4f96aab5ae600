"""What attempts used moves from text of theirs into rows of its own; written once, as history is."""

import django.db.models.deletion
import orchestration.usage.rows
from django.db import migrations, models

# The receipt of such an attempt has the very text: with other digits its run's proof would not hold any more.
REFUSE_UNKEPT = """
DO $$
DECLARE
    unkept record;
BEGIN
    SELECT a.id, u.cost_usd INTO unkept FROM orchestration_attempt a,
        json_to_record(a.usage_json::json) AS u(cost_usd text)
    WHERE u.cost_usd <> u.cost_usd::numeric::text LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'attempt % says that it cost "%", and a number does not keep the zeros in front: the proof of '
            'its run would not hold any more; start with a new database, or keep the release before for this one',
            unkept.id, unkept.cost_usd;
    END IF;
END $$;
"""
MOVE = """
INSERT INTO orchestration_usage (attempt_id, step_id, run_id, input_tokens, output_tokens, cost_usd, at)
SELECT a.id, a.step_id, a.run_id, u.input_tokens, u.output_tokens, u.cost_usd, a.finished_at
FROM orchestration_attempt a,
    json_to_record(a.usage_json::json) AS u(input_tokens bigint, output_tokens bigint, cost_usd numeric)
WHERE a.usage_json <> '{}';
SET CONSTRAINTS ALL IMMEDIATE;
"""
MOVE_BACK = """
ALTER TABLE orchestration_attempt DISABLE TRIGGER attempt_ends_once;
UPDATE orchestration_attempt a SET usage_json = '{' || concat_ws(',', '"cost_usd":"' || u.cost_usd || '"',
    '"input_tokens":' || u.input_tokens, '"output_tokens":' || u.output_tokens) || '}'
FROM orchestration_usage u WHERE u.attempt_id = a.id;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE orchestration_attempt ENABLE TRIGGER attempt_ends_once;
"""
GUARD = """
CREATE TRIGGER usage_is_kept BEFORE UPDATE OR DELETE ON orchestration_usage
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER usage_rows_are_kept BEFORE TRUNCATE ON orchestration_usage
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER usage_rows_are_kept ON orchestration_usage;
DROP TRIGGER usage_is_kept ON orchestration_usage;
"""


def _of(name, related_name, **more):  # noqa: ANN001, ANN003, ANN202 - one line for each column
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE, related_name=related_name, to=f"orchestration.{name}", **more
    )


class Migration(migrations.Migration):
    """A table instead of a column."""

    dependencies = (("orchestration", "0021_known_waits"),)

    operations = (
        migrations.CreateModel(
            name="Usage",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("input_tokens", models.BigIntegerField(null=True)),
                ("output_tokens", models.BigIntegerField(null=True)),
                (
                    "cost_usd",
                    orchestration.usage.rows.Amount(
                        decimal_places=12, help_text="In US dollars.", max_digits=21, null=True
                    ),
                ),
                ("at", models.DateTimeField(help_text="The end of the attempt.")),
                (
                    "attempt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="usage",
                        to="orchestration.attempt",
                    ),
                ),
                ("run", _of("run", "usages", db_constraint=False)),
                ("step", _of("step", "usages", db_constraint=False)),
            ],
        ),
        migrations.RunSQL(REFUSE_UNKEPT, migrations.RunSQL.noop),
        migrations.RunSQL(MOVE, MOVE_BACK),
        migrations.RemoveField(model_name="attempt", name="usage_json"),
        migrations.RunSQL(GUARD, UNGUARD),
    )
