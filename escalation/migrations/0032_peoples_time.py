"""How long people held a ticket, what its run's budgets expect of it, and how both are booked."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models

# A claim ends in many ways: given back, run out and taken anew, decided, closed, its account gone. However it does, it is
# the row that changes; so what it took is added there. A decision that waits to take effect is nobody's work any more.
# Named to run before the guard, which then sees the row as it will be.
COUNT = """
CREATE FUNCTION escalation_ticket_claim_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.worked_for := coalesce(OLD.worked_for, interval '0') + greatest(
        least(OLD.claim_expires_at, OLD.decided_at, clock_timestamp()) - OLD.claimed_at, interval '0');
    RETURN NEW;
END $$;
CREATE TRIGGER escalation_ticket_claim_ends BEFORE UPDATE OF claimed_by_id, claimed_at ON escalation_ticket
    FOR EACH ROW WHEN (OLD.claimed_by_id IS NOT NULL AND OLD.claimed_at IS NOT NULL
        AND (OLD.claimed_by_id, OLD.claimed_at) IS DISTINCT FROM (NEW.claimed_by_id, NEW.claimed_at))
    EXECUTE FUNCTION escalation_ticket_claim_ends();

CREATE FUNCTION escalation_seat_claim_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE escalation_ticket SET worked_for = coalesce(worked_for, interval '0') + greatest(
        least(OLD.claim_expires_at, clock_timestamp()) - OLD.claimed_at, interval '0') WHERE id = OLD.ticket_id;
    RETURN NULL;
END $$;
CREATE TRIGGER seat_claim_ends AFTER UPDATE ON escalation_seat
    FOR EACH ROW WHEN (OLD.claim_expires_at IS NOT NULL AND (NEW.claim_expires_at IS NULL
        OR (OLD.person_id, OLD.claimed_at) IS DISTINCT FROM (NEW.person_id, NEW.claimed_at)))
    EXECUTE FUNCTION escalation_seat_claim_ends();
CREATE TRIGGER seat_is_left AFTER DELETE ON escalation_seat
    FOR EACH ROW WHEN (OLD.claim_expires_at IS NOT NULL) EXECUTE FUNCTION escalation_seat_claim_ends();
"""
UNCOUNT = """
DROP TRIGGER seat_is_left ON escalation_seat;
DROP TRIGGER seat_claim_ends ON escalation_seat;
DROP FUNCTION escalation_seat_claim_ends();
DROP TRIGGER escalation_ticket_claim_ends ON escalation_ticket;
DROP FUNCTION escalation_ticket_claim_ends();
"""
# At the commit, behind all else that the transaction locks: who holds a pot never waits for a step or a run. The sums
# are read under the pot's lock, so that of two that close at once the later one counts both.
BOOK = """
CREATE FUNCTION escalation_ticket_is_booked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    pot bigint;
BEGIN
    FOREACH pot IN ARRAY NEW.people_pots LOOP
        PERFORM FROM orchestration_pot WHERE id = pot FOR NO KEY UPDATE;
        PERFORM ringmaster_book_people(pot,
            coalesce(sum(expected_seconds) FILTER (WHERE status = 'open'), 0)::bigint,
            coalesce(sum(ceil(extract(epoch FROM worked_for))) FILTER (WHERE status <> 'open'), 0)::bigint,
            NEW.run_id, NEW.step_id, NEW.attempt)
        FROM escalation_ticket WHERE people_pots @> ARRAY[pot];
    END LOOP;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ticket_opened_is_booked AFTER INSERT ON escalation_ticket
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.people_pots IS NOT NULL)
    EXECUTE FUNCTION escalation_ticket_is_booked();
CREATE CONSTRAINT TRIGGER ticket_closed_is_booked AFTER UPDATE OF status ON escalation_ticket
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.people_pots IS NOT NULL AND NEW.status IS DISTINCT FROM OLD.status)
    EXECUTE FUNCTION escalation_ticket_is_booked();
CREATE TRIGGER ticket_stays_booked BEFORE UPDATE OF people_pots, expected_seconds ON escalation_ticket
    FOR EACH ROW WHEN ((OLD.people_pots, OLD.expected_seconds) IS DISTINCT FROM (NEW.people_pots, NEW.expected_seconds))
    EXECUTE FUNCTION ringmaster_keep_history();
"""
UNBOOK = """
DROP TRIGGER ticket_stays_booked ON escalation_ticket;
DROP TRIGGER ticket_closed_is_booked ON escalation_ticket;
DROP TRIGGER ticket_opened_is_booked ON escalation_ticket;
DROP FUNCTION escalation_ticket_is_booked();
"""


class Migration(migrations.Migration):
    """Three columns that may be NULL, so that no row is written anew; two indexes; triggers."""

    dependencies = [
        ('escalation', '0031_budgets'),
        ('orchestration', '0039_peoples_time'),
    ]

    operations = [
        migrations.AddField(
            model_name='ticket',
            name='worked_for',
            field=models.DurationField(help_text='How long people held it, in claims that ended. Null: in none, or none was counted.', null=True),
        ),
        migrations.AddField(
            model_name='ticket',
            name='people_pots',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), help_text="The budgets of people's time that it is booked in. Null: none.", null=True, size=None),
        ),
        migrations.AddField(
            model_name='ticket',
            name='expected_seconds',
            field=models.PositiveIntegerField(help_text='What is reserved in them while it is open.', null=True),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('expected_seconds__isnull', True), ('people_pots__isnull', True)), models.Q(('expected_seconds__isnull', False), ('people_pots__isnull', False)), _connector='OR'), name='ticket_booked_has_expectation'),
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=models.Index(condition=models.Q(('resolved_by__isnull', False), ('worked_for__isnull', False)), fields=['queue', '-resolved_at'], name='ticket_queue_worked'),
        ),
        migrations.AddIndex(
            model_name='ticket',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('people_pots__isnull', False)), fields=['people_pots'], name='ticket_people_pots'),
        ),
        migrations.RunSQL(COUNT, UNCOUNT),
        migrations.RunSQL(BOOK, UNBOOK),
    ]
