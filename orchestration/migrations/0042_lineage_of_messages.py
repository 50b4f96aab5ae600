"""The lineage tells of messages too: what a step sent, and what a turn of an actor got; and of waits for replies."""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("orchestration.migrations.0037_lineage")._VIEW
_VIEW = _BEFORE.replace("('timer', 'signal', 'ask', 'approval')", "('timer', 'signal', 'ask', 'approval', 'message')") + """
UNION ALL
SELECT 'message-' || m.id, 'message', m.run_id, m.step_id, m.attempt, m.sent_at, 5::smallint, m.id,
    coalesce(t.name, nullif(m.to_name || '/' || m.to_key, '/'), 'whoever asked')::text,
    json_build_object('message', m.id, 'kind', m.kind, 'digest', m.digest, 'answers', m.answers_id,
        'is_failure', m.is_failure, 'due_at', m.due_at, 'refusal', m.refusal)::text
FROM orchestration_message m LEFT JOIN orchestration_topic t ON t.id = m.topic_id WHERE m.run_id IS NOT NULL
UNION ALL
SELECT 'delivery-' || d.id, 'delivery', d.run_id, NULL, NULL, d.taken_at, 0::smallint, d.id, m.sender::text,
    json_build_object('message', m.id, 'kind', m.kind, 'digest', m.digest, 'turn', d.turn, 'state', d.state)::text
FROM orchestration_delivery d JOIN orchestration_message m ON m.id = d.message_id WHERE d.run_id IS NOT NULL
"""


class Migration(migrations.Migration):
    """The view anew."""

    dependencies = [
        ('orchestration', '0041_memory'),
    ]

    operations = [
        migrations.RunSQL(f"DROP VIEW orchestration_lineage; {_VIEW}", f"DROP VIEW orchestration_lineage; {_BEFORE}"),
    ]
