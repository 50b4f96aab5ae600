"""One view over everything that concerned a run, in one order.

PostgreSQL lets nobody change the type of a column that a view reads: such a migration drops the view and makes it anew.
"""

from django.db import migrations, models

_VIEW = """
CREATE VIEW orchestration_lineage AS
SELECT 'event-' || e.id AS id, 'event' AS kind, e.run_id, e.step_id, e.attempt, e.at,
    CASE e.kind WHEN 'step_claimed' THEN 0 ELSE 5 END::smallint AS place, e.id AS row, e.kind::text AS name,
    e.data_json
FROM orchestration_event e
UNION ALL
SELECT 'handoff-' || h.id, 'handoff', h.run_id, h.to_step_id, a.number, h.handed_at, 1::smallint, h.id, f.key::text,
    json_build_object('original_digest', h.original_digest, 'digest', h.digest, 'tokens_before', h.tokens_before,
        'tokens_after', h.tokens_after, 'summarised_by', h.summarised_by)::text
FROM orchestration_handoff h JOIN orchestration_attempt a ON a.id = h.attempt_id
JOIN orchestration_step f ON f.id = h.from_step_id
UNION ALL
SELECT 'call-' || t.id, 'call', c.run_id, c.step_id, t.attempt, t.begun_at, 2::smallint, t.id, c.path::text,
    json_build_object('kind', c.kind, 'call', c.id, 'try', t.number, 'state', t.state, 'ended_at', t.ended_at,
        'tokens', t.tokens, 'cost_micro_usd', t.cost_micro_usd, 'error', t.error)::text
FROM orchestration_calltry t JOIN orchestration_call c ON c.id = t.call_id
UNION ALL
SELECT 'wait-' || c.id, 'wait', c.run_id, c.step_id, NULL, c.begun_at, 3::smallint, c.id, c.path::text,
    json_build_object('kind', c.kind, 'call', c.id, 'state', c.state, 'due_at', c.due_at, 'ended_at', c.ended_at)::text
FROM orchestration_call c WHERE c.kind IN ('timer', 'signal', 'ask', 'approval')
UNION ALL
SELECT 'decision-' || d.id, 'decision', d.run_id, d.step_id, a.number, d.decided_at, 4::smallint, d.id, d.rule::text,
    json_build_object('kind', d.kind, 'reason', d.reason, 'due_at', d.due_at)::text
FROM orchestration_decision d JOIN orchestration_attempt a ON a.id = d.attempt_id
"""


class Migration(migrations.Migration):
    """The view, and a model that reads it."""

    dependencies = [
        ('orchestration', '0036_waits_that_are_awaited'),
    ]

    operations = [
        migrations.RunSQL(_VIEW, "DROP VIEW orchestration_lineage"),
        migrations.CreateModel(
            name='LineageLine',
            fields=[
                ('id', models.CharField(help_text='<kind>-<number of its row>', max_length=40, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('event', 'event'), ('decision', 'decision'), ('handoff', 'handoff'), ('call', 'call'), ('wait', 'wait')], max_length=10)),
                ('attempt', models.IntegerField(null=True)),
                ('at', models.DateTimeField()),
                ('place', models.SmallIntegerField()),
                ('row', models.BigIntegerField()),
                ('name', models.TextField(help_text='Of an event its kind, of a decision its rule, else whom or what it names.')),
                ('data_json', models.TextField()),
            ],
            options={
                'db_table': 'orchestration_lineage',
                'ordering': ('at', 'place', 'row'),
                'managed': False,
            },
        ),
    ]
