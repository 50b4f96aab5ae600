"""What the desk has to tell in the lineage: tickets that opened, what was done at them, and how they ended.

Acts are read from the audit, without what only auditors may read: who saw what, drafts, comments, votes, notes, and the
person where the queue is restricted. They are found in the audit's text and not read as JSON: what people write may hold
what PostgreSQL can't turn into text, and one such line would hide all others. A migration that changes a column which
the view reads empties it first.
"""

from importlib import import_module

import django.contrib.postgres.indexes
from django.db import migrations

_NO_DESK = import_module("orchestration.migrations.0054_whole_lineage").NO_DESK
_VIEW = """
CREATE OR REPLACE VIEW orchestration_lineage_of_desk AS
SELECT ('opened-' || t.id)::text AS id, 'ticket'::text AS kind, t.run_id, t.step_id, t.attempt, t.opened_at AS at,
    6::smallint AS place, t.id AS row, 'opened'::text AS name,
    json_build_object('ticket', t.id, 'queue', q.slug, 'by', NULL, 'door', NULL, 'subject', t.subject,
        'more', t.rule, 'due_at', t.due_at)::text AS data_json, NULL::bigint AS project_id, NULL::bigint AS actor_id
FROM escalation_ticket t JOIN escalation_reviewqueue q ON q.id = t.queue_id
UNION ALL
SELECT 'act-' || a.id, 'ticket', t.run_id, t.step_id, t.attempt, a.at, 6::smallint, a.id, a.act::text,
    json_build_object('ticket', t.id, 'queue', q.slug, 'by', CASE WHEN NOT q.is_restricted THEN a.actor_name END,
        'door', a.door, 'more', concat_ws(', ', substring(a.data_json from '"resolution": "([^"\\\\]+)"'),
            substring(a.data_json from '"rule": "([^"\\\\]+)"'), substring(a.data_json from '"outcome": "([^"\\\\]+)"')
    ))::text, NULL, NULL
FROM escalation_auditline a JOIN escalation_ticket t ON t.id = a.ticket_id
JOIN escalation_reviewqueue q ON q.id = t.queue_id
WHERE a.act IN ('claimed', 'released', 'assigned', 'decided', 'resolved', 'took_back', 'voided', 'split', 'snoozed',
    'woke', 'paused', 'resumed', 'replanned', 'rerouted', 'breached')
UNION ALL
SELECT 'withdrawn-' || t.id, 'ticket', t.run_id, t.step_id, t.attempt, t.withdrawn_at, 6::smallint, t.id, 'withdrawn',
    json_build_object('ticket', t.id, 'queue', q.slug, 'by', NULL, 'door', NULL, 'more', t.withdrawn_reason)::text,
    NULL, NULL
FROM escalation_ticket t JOIN escalation_reviewqueue q ON q.id = t.queue_id WHERE t.withdrawn_at IS NOT NULL
"""


class Migration(migrations.Migration):
    """The desk's part of the lineage, and the times of the audit."""

    dependencies = [
        ('escalation', '0032_peoples_time'),
        ('orchestration', '0054_whole_lineage'),
    ]

    operations = [
        migrations.RunSQL(_VIEW, _NO_DESK),
        migrations.AddIndex(
            model_name='auditline',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['at'], name='audit_by_time'),
        ),
    ]
