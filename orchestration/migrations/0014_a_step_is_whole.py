"""What a step's row may say, in one trigger instead of twenty CHECKs.

PostgreSQL takes a CHECK apart anew for every statement that changes a row of its table, and the statement that ends a
step changes two: a seventh of what it cost. A trigger's function is taken apart once per connection.
"""

from django.db import migrations, models

# In the order in which they are asked; each is named as the CHECK was that said it before.
GUARD = """
CREATE FUNCTION ringmaster_check_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text := CASE
        WHEN NEW.status NOT IN ('pending', 'available', 'running', 'waiting', 'retryable', 'held',
                                'succeeded', 'skipped', 'failed', 'cancelled')
            THEN 'step_status_known'
        WHEN CASE WHEN NEW.status = 'running'
                  THEN NEW.token IS NULL OR NEW.process_id IS NULL OR NEW.claimed_at IS NULL OR NEW.deadline_at IS NULL
                  ELSE NEW.token IS NOT NULL OR NEW.process_id IS NOT NULL END
            THEN 'step_running_is_claimed'
        WHEN (NEW.status IN ('succeeded', 'skipped', 'failed', 'cancelled')) <> (NEW.finished_at IS NOT NULL)
            THEN 'step_final_is_finished'
        WHEN NEW.status IN ('succeeded', 'skipped')
             AND (NEW.output_json IS NULL OR NEW.output_digest IS NULL OR NEW.receipt_digest IS NULL)
            THEN 'step_done_has_output_and_receipt'
        WHEN NEW.status = 'waiting' AND NEW.stage = ''
            THEN 'step_waiting_has_stage'
        WHEN (NEW.status = 'retryable') <> (NEW.due_at IS NOT NULL)
            THEN 'step_retryable_has_due'
        WHEN NEW.unreleased AND NEW.status NOT IN ('succeeded', 'skipped')
            THEN 'step_unreleased_is_done'
        WHEN least(NEW.position, NEW.predecessor_count, NEW.depth, NEW.index, NEW.attempt, NEW.failures, NEW.crashes,
                   NEW.revision, NEW.verdict_revisions, NEW.reworks, NEW.fallbacks, NEW.dispatches,
                   NEW.output_tokens) < 0
            THEN 'step_counts_from_zero'
    END;
BEGIN
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'step % can not be like this: it violates %', NEW.key, broken
            USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER step_is_whole BEFORE INSERT OR UPDATE ON orchestration_step FOR EACH ROW
    EXECUTE FUNCTION ringmaster_check_step();
"""
UNGUARD = """
DROP TRIGGER step_is_whole ON orchestration_step;
DROP FUNCTION ringmaster_check_step();
"""


class Migration(migrations.Migration):
    """A trigger for seven CHECKs, and for those of thirteen counters."""

    dependencies = [
        ("orchestration", "0013_nothing_starts_behind_an_open_gate"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="step",
            name="step_running_is_claimed",
        ),
        migrations.RemoveConstraint(
            model_name="step",
            name="step_final_is_finished",
        ),
        migrations.RemoveConstraint(
            model_name="step",
            name="step_done_has_output_and_receipt",
        ),
        migrations.RemoveConstraint(
            model_name="step",
            name="step_retryable_has_due",
        ),
        migrations.RemoveConstraint(
            model_name="step",
            name="step_unreleased_is_done",
        ),
        migrations.RemoveConstraint(
            model_name="step",
            name="step_status_known",
        ),
        migrations.RemoveConstraint(
            model_name="step",
            name="step_waiting_has_stage",
        ),
        migrations.AlterField(
            model_name="step",
            name="attempt",
            field=models.IntegerField(default=0, help_text="Number of the latest attempt."),
        ),
        migrations.AlterField(
            model_name="step",
            name="crashes",
            field=models.IntegerField(default=0, help_text="Crashes that were this step's own."),
        ),
        migrations.AlterField(
            model_name="step",
            name="depth",
            field=models.SmallIntegerField(db_default=0, help_text="Steps above this one in its run."),
        ),
        migrations.AlterField(
            model_name="step",
            name="dispatches",
            field=models.IntegerField(default=0, help_text="Messages asked for; never reused."),
        ),
        migrations.AlterField(
            model_name="step",
            name="failures",
            field=models.IntegerField(default=0, help_text="Counted tries since the last fresh start."),
        ),
        migrations.AlterField(
            model_name="step",
            name="fallbacks",
            field=models.SmallIntegerField(db_default=0, help_text="How far down its fallback agents it is."),
        ),
        migrations.AlterField(
            model_name="step",
            name="index",
            field=models.IntegerField(help_text="Place among its siblings, from 0.", null=True),
        ),
        migrations.AlterField(
            model_name="step",
            name="output_tokens",
            field=models.IntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="step",
            name="position",
            field=models.IntegerField(help_text="Place in plan order, from 0."),
        ),
        migrations.AlterField(
            model_name="step",
            name="predecessor_count",
            field=models.IntegerField(),
        ),
        migrations.AlterField(
            model_name="step",
            name="revision",
            field=models.IntegerField(default=0, help_text="Times it was sent back with feedback."),
        ),
        migrations.AlterField(
            model_name="step",
            name="reworks",
            field=models.IntegerField(db_default=0, help_text="Those that a later step sent back."),
        ),
        migrations.AlterField(
            model_name="step",
            name="verdict_revisions",
            field=models.IntegerField(db_default=0, help_text="Those that its verifiers sent back."),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
