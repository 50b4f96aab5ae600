"""Budgets: people's time is booked, counted anew each time from what the room of tickets says of it."""

from django.db import migrations, models

# A pot of people's time says of its tickets: what those that are closed took, and what those that are open will. Both
# are told as sums, so that to tell twice changes nothing. What goes beyond the limit stands beside it: nothing is refused.
BOOK = """
CREATE FUNCTION ringmaster_book_people(
    about bigint, expected bigint, used bigint, by_run uuid, by_step bigint, by_attempt integer
) RETURNS void LANGUAGE sql AS $$
    WITH counted AS (
        SELECT p.id, p.run_id, p.step_id, p."limit", p.used_up_at IS NULL AS is_untold, n.spent, w.reserved,
            n.spent + w.reserved = n.room AS is_used_up
        FROM orchestration_pot p
        CROSS JOIN LATERAL (SELECT p."limit" - p.lost AS room, least(used, p."limit" - p.lost) AS spent) n
        CROSS JOIN LATERAL (SELECT least(expected, n.room - n.spent) AS reserved) w
        WHERE p.id = about
    ), booked AS (
        UPDATE orchestration_pot p SET spent = c.spent, overrun = used - c.spent,
            reserved = c.reserved, unmet = expected - c.reserved,
            used_up_at = CASE WHEN c.is_used_up AND c.is_untold THEN clock_timestamp() ELSE p.used_up_at END
        FROM counted c WHERE p.id = c.id
    )
    INSERT INTO orchestration_event (run_id, step_id, attempt, kind, data_json, at)
    SELECT by_run, by_step, by_attempt, 'budget_used_up', json_build_object('unit', 'human_seconds', 'limit', "limit",
        'of_run', run_id, 'of_step', step_id, 'beyond', used - spent + expected - reserved)::text, clock_timestamp()
    FROM counted WHERE is_used_up AND is_untold
$$
"""
UNBOOK = "DROP FUNCTION ringmaster_book_people(bigint, bigint, bigint, uuid, bigint, integer)"


class Migration(migrations.Migration):
    """Two columns that have a default or may be NULL, and what books."""

    dependencies = [
        ('orchestration', '0038_calls_of_versions'),
    ]

    operations = [
        migrations.AddField(
            model_name='pot',
            name='unmet',
            field=models.BigIntegerField(db_default=0, help_text="Of people's time: what open tickets would reserve beyond the limit."),
        ),
        migrations.AddField(
            model_name='pot',
            name='used_up_at',
            field=models.DateTimeField(help_text="Of people's time: when nothing was left of this limit first.", null=True),
        ),
        migrations.RemoveConstraint(
            model_name='pot',
            name='pot_counts_from_zero',
        ),
        migrations.RemoveConstraint(
            model_name='pot',
            name='pot_is_full_before_it_overruns',
        ),
        migrations.AddConstraint(
            model_name='pot',
            constraint=models.CheckConstraint(condition=models.Q(('lost__gte', 0), ('overrun__gte', 0), ('reserved__gte', 0), ('spent__gte', 0), ('unmet__gte', 0)), name='pot_counts_from_zero'),
        ),
        migrations.AddConstraint(
            model_name='pot',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('overrun', 0), ('unmet', 0)), ('limit', models.F('spent') + models.F('lost') + models.F('reserved')), _connector='OR'), name='pot_is_full_before_it_overruns'),
        ),
        migrations.RunSQL(BOOK, UNBOOK),
    ]
