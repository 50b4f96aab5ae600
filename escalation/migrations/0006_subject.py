"""A ticket says what a person is asked about; those of steps that people do are told from those about an output."""

from django.db import migrations, models
from django.db.models import Q

# Changing the column writes all rows anew without asking the guard: closed tickets too say what they were about.
TELL_TASKS = """
ALTER TABLE escalation_ticket ALTER COLUMN subject TYPE varchar(10)
    USING CASE WHEN rule = 'human_step' THEN 'task' ELSE subject END
"""
GUARD = """
CREATE OR REPLACE FUNCTION escalation_ticket_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'open' THEN
        RAISE EXCEPTION 'ticket % is % and never changes again', OLD.id, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.run_id, NEW.step_id, NEW.attempt, {new}NEW.rule, NEW.reason, NEW.sla, NEW.seen_json, NEW.seen_digest,
        NEW.has_proposal, NEW.confidence, NEW.opened_at, NEW.first_touch_due_at, NEW.due_at)
        IS DISTINCT FROM
       (OLD.run_id, OLD.step_id, OLD.attempt, {old}OLD.rule, OLD.reason, OLD.sla, OLD.seen_json, OLD.seen_digest,
        OLD.has_proposal, OLD.confidence, OLD.opened_at, OLD.first_touch_due_at, OLD.due_at) THEN
        RAISE EXCEPTION 'what is judged on ticket % never changes', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
GUARD_SUBJECT = GUARD.format(new="NEW.subject, ", old="OLD.subject, ")
GUARD_WITHOUT = GUARD.format(new="", old="")


class Migration(migrations.Migration):
    """One column, told for the tickets that are there, and never changed again."""

    dependencies = (("escalation", "0005_no_way_back"),)

    operations = (
        migrations.AddField(
            model_name="ticket",
            name="subject",
            field=models.CharField(
                max_length=10,
                choices=[("output", "output"), ("task", "task")],
                default="output",
                help_text="What the person is asked about.",
            ),
            preserve_default=False,
        ),
        migrations.RunSQL(TELL_TASKS, migrations.RunSQL.noop),
        migrations.RunSQL(GUARD_SUBJECT, GUARD_WITHOUT),
        migrations.AddConstraint(
            model_name="ticket",
            constraint=models.CheckConstraint(
                condition=(
                    Q(subject="output")
                    & (
                        Q(resolution__isnull=True)
                        | Q(resolution__in=["approve", "edit", "send_back", "skip", "abort"])
                    )
                )
                | (
                    Q(subject="task")
                    & (Q(resolution__isnull=True) | Q(resolution__in=["edit", "send_back", "skip", "abort"]))
                ),
                name="ticket_subject_known",
            ),
        ),
    )
