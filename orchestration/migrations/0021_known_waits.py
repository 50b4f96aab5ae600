"""A step waits for what the lists know, and only an available one says that it is not to be rung for."""

from django.db import migrations, models

# As migration 0014 made it, but for the lines in the middle.
_CHECK = """
CREATE OR REPLACE FUNCTION ringmaster_check_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text := CASE
        WHEN NEW.status NOT IN ('pending', 'available', 'running', 'waiting', 'retryable', 'held',
                                'succeeded', 'skipped', 'failed', 'cancelled')
            THEN 'step_status_known'
        {waits}
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
END $$
"""
_WAITS = """
        WHEN NEW.waits_for NOT IN ('', 'agent', 'pool', 'slot', 'breaker', 'deadline', 'ring')
            THEN 'step_wait_known'
        WHEN NEW.waits_for <> '' AND NEW.status <> 'available'
            THEN 'step_wait_is_available'
        WHEN NEW.stage NOT IN ('', 'items', 'spawned', 'child_run', 'verdicts')
            THEN 'step_stage_known'
"""
# A step that was cancelled once kept what it had waited for.
_CLEAR = """
UPDATE orchestration_step SET waits_for = '' WHERE waits_for <> '' AND (status <> 'available'
    OR waits_for NOT IN ('agent', 'pool', 'slot', 'breaker', 'deadline', 'ring'))
"""
_WORDS = ("", "agent", "pool", "slot", "breaker", "deadline", "ring")


class Migration(migrations.Migration):
    """Three more lines in the trigger `step_is_whole`."""

    dependencies = (("orchestration", "0020_who_maintains"),)

    operations = (
        migrations.AlterField(
            model_name="step",
            name="waits_for",
            field=models.CharField(
                choices=[(word, word) for word in _WORDS],
                default="",
                help_text="Why an available step is not rung for; empty when it is.",
                max_length=10,
            ),
        ),
        migrations.RunSQL(_CLEAR, migrations.RunSQL.noop),
        migrations.RunSQL(_CHECK.format(waits=_WAITS.strip()), _CHECK.format(waits="")),
    )
