"""The lineage tells of memory, of mail that no turn got, and of the desk; what is asked for between two times has indexes.

What the desk has to tell stands in a view of its own, which is empty here: whoever keeps the tickets replaces it by one
with the same columns, so that this room knows no table of theirs. A migration that changes a column which a view reads
drops that view and makes it anew.
"""

from importlib import import_module

import django.contrib.postgres.indexes
from django.db import migrations, models
from django.db.models.functions import Cast

_BEFORE = import_module("orchestration.migrations.0053_recalled_memories")._VIEW
_COLUMNS = {
    "id": "text",
    "kind": "text",
    "run_id": "uuid",
    "step_id": "bigint",
    "attempt": "integer",
    "at": "timestamptz",
    "place": "smallint",
    "row": "bigint",
    "name": "text",
    "data_json": "text",
    "project_id": "bigint",
    "actor_id": "bigint",
}
NO_DESK = (
    "CREATE OR REPLACE VIEW orchestration_lineage_of_desk AS SELECT "
    + ", ".join(f"NULL::{kind} AS {name}" for name, kind in _COLUMNS.items())
    + " WHERE false"
)
"""The desk's part of the lineage while nobody keeps tickets."""

# `run_id` names the project; where there is no run, `project_id` does. `actor_id` is of mail that no turn of it got.
_VIEW = """
CREATE VIEW orchestration_lineage AS
SELECT 'event-' || e.id AS id, 'event'::text AS kind, e.run_id, e.step_id, e.attempt, e.at,
    CASE e.kind WHEN 'step_claimed' THEN 0 ELSE 5 END::smallint AS place, e.id AS row, e.kind::text AS name,
    e.data_json, NULL::bigint AS project_id, NULL::bigint AS actor_id
FROM orchestration_event e
UNION ALL
SELECT 'handoff-' || h.id, 'handoff', h.run_id, h.to_step_id, a.number, h.handed_at, 1::smallint, h.id,
    coalesce(h.source, f.key::text),
    json_build_object('kind', h.kind, 'pointer', h.pointer, 'original_digest', h.original_digest, 'digest', h.digest,
        'tokens_before', h.tokens_before, 'tokens_after', h.tokens_after, 'summarised_by', h.summarised_by)::text,
    NULL, NULL
FROM orchestration_handoff h JOIN orchestration_attempt a ON a.id = h.attempt_id
JOIN orchestration_step f ON f.id = h.from_step_id
UNION ALL
SELECT 'call-' || t.id, 'call', c.run_id, c.step_id, t.attempt, t.begun_at, 2::smallint, t.id, c.path::text,
    json_build_object('kind', c.kind, 'call', c.id, 'try', t.number, 'state', t.state, 'ended_at', t.ended_at,
        'tokens', t.tokens, 'cost_micro_usd', t.cost_micro_usd, 'error', t.error)::text, NULL, NULL
FROM orchestration_calltry t JOIN orchestration_call c ON c.id = t.call_id WHERE c.kind <> 'memory'
UNION ALL
SELECT 'look-' || t.id, 'look', c.run_id, c.step_id, t.attempt, t.begun_at, 2::smallint, t.id,
    coalesce(c.request_json::json->>'key', c.name)::text,
    json_build_object('scope', c.request_json::json->>'scope', 'call', c.id, 'try', t.number, 'state', t.state,
        'error', t.error, 'as_of', CASE c.name WHEN 'pin' THEN c.response_json::json->>'at' END,
        'found', CASE WHEN json_typeof(c.response_json::json) = 'array'
            THEN (SELECT coalesce(json_agg(x.it->0), '[]') FROM json_array_elements(c.response_json::json) x(it)) END
    )::text, NULL, NULL
FROM orchestration_calltry t JOIN orchestration_call c ON c.id = t.call_id WHERE c.kind = 'memory'
UNION ALL
SELECT 'wait-' || c.id, 'wait', c.run_id, c.step_id, NULL, c.begun_at, 3::smallint, c.id, c.path::text,
    json_build_object('kind', c.kind, 'call', c.id, 'state', c.state, 'due_at', c.due_at, 'ended_at', c.ended_at)::text,
    NULL, NULL
FROM orchestration_call c WHERE c.kind IN ('timer', 'signal', 'ask', 'approval', 'message')
UNION ALL
SELECT 'decision-' || d.id, 'decision', d.run_id, d.step_id, a.number, d.decided_at, 4::smallint, d.id, d.rule::text,
    json_build_object('kind', d.kind, 'reason', d.reason, 'due_at', d.due_at)::text, NULL, NULL
FROM orchestration_decision d JOIN orchestration_attempt a ON a.id = d.attempt_id
UNION ALL
SELECT 'message-' || m.id, 'message', m.run_id, m.step_id, m.attempt, m.sent_at, 5::smallint, m.id,
    coalesce(t.name, nullif(m.to_name || '/' || m.to_key, '/'), 'whoever asked')::text,
    json_build_object('message', m.id, 'kind', m.kind, 'from', m.sender, 'digest', m.digest, 'answers', m.answers_id,
        'is_failure', m.is_failure, 'due_at', m.due_at, 'refusal', m.refusal)::text, m.project_id, NULL
FROM orchestration_message m LEFT JOIN orchestration_topic t ON t.id = m.topic_id
UNION ALL
SELECT 'delivery-' || d.id, 'delivery', d.run_id, NULL, NULL, d.taken_at, 0::smallint, d.id, m.sender::text,
    json_build_object('message', m.id, 'kind', m.kind, 'digest', m.digest, 'turn', d.turn, 'state', d.state,
        'reason', d.reason)::text, m.project_id, NULL
FROM orchestration_delivery d JOIN orchestration_message m ON m.id = d.message_id WHERE d.run_id IS NOT NULL
UNION ALL
SELECT 'delivery-' || d.id, 'delivery', NULL, NULL, NULL, d.delivered_at, 6::smallint, d.id, m.sender::text,
    json_build_object('message', m.id, 'kind', m.kind, 'digest', m.digest, 'turn', d.turn, 'state', d.state,
        'reason', d.reason)::text, m.project_id, d.actor_id
FROM orchestration_delivery d JOIN orchestration_message m ON m.id = d.message_id WHERE d.run_id IS NULL
UNION ALL
SELECT 'memory-' || m.id, 'memory', m.run_id, m.step_id, a.number, m.valid_from, 5::smallint, m.id, m.key::text,
    json_build_object('did', 'written', 'memory', m.id, 'scope', m.scope, 'scope_id', m.scope_id, 'version', m.version,
        'digest', m.digest, 'tokens', m.tokens, 'by', m.person_name, 'expires_at', m.expires_at)::text,
    m.project_id, NULL
FROM orchestration_memory m LEFT JOIN orchestration_attempt a ON a.id = m.attempt_id
UNION ALL
SELECT 'forgotten-' || m.id, 'memory', NULL, NULL, NULL, f.at, 6::smallint, m.id, m.key::text,
    json_build_object('did', 'forgotten', 'memory', m.id, 'scope', m.scope, 'scope_id', m.scope_id,
        'version', m.version, 'by', f.person_name, 'reason', f.reason)::text, m.project_id, NULL
FROM orchestration_memory m JOIN orchestration_forgetting f ON f.id = m.forgotten_id
UNION ALL
SELECT * FROM orchestration_lineage_of_desk
"""
_DROP = "DROP VIEW orchestration_lineage"


def _index_time(model, field, name):
    index = django.contrib.postgres.indexes.BrinIndex(fields=[field], name=name)
    return migrations.AddIndex(model_name=model, index=index)


class Migration(migrations.Migration):
    """The view anew, and the indexes that it is read by."""

    dependencies = [
        ('orchestration', '0053_recalled_memories'),
    ]

    operations = [
        migrations.RunSQL(NO_DESK, "DROP VIEW orchestration_lineage_of_desk"),
        migrations.RunSQL(f"{_DROP}; {_VIEW}", f"{_DROP}; {_BEFORE}"),
        migrations.AlterModelOptions(
            name='lineageline', options={'managed': False, 'ordering': ('at', 'place', 'row', 'id')},
        ),
        _index_time('event', 'at', 'event_by_time'),
        _index_time('decision', 'decided_at', 'decision_by_time'),
        _index_time('handoff', 'handed_at', 'handoff_by_time'),
        migrations.AddIndex(
            model_name='handoff',
            index=models.Index(condition=models.Q(('memory__isnull', False)), fields=['memory'], name='handoff_of_memory'),
        ),
        _index_time('call', 'begun_at', 'call_by_time'),
        _index_time('calltry', 'begun_at', 'call_try_by_time'),
        _index_time('delivery', 'delivered_at', 'delivery_by_time'),
        _index_time('delivery', 'taken_at', 'delivery_taken_by_time'),
        _index_time('memory', 'valid_from', 'memory_by_time'),
        _index_time('forgetting', 'at', 'forgetting_by_time'),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('key__isnull', False)), fields=['key'], name='message_by_key'),
        ),
        migrations.AddIndex(
            model_name='call',
            index=django.contrib.postgres.indexes.GinIndex(
                Cast('response_json', models.JSONField()),
                condition=models.Q(('kind', 'memory'), ('state', 'done'), models.Q(('name', 'pin'), _negated=True)),
                name='call_found',
            ),
        ),
    ]
