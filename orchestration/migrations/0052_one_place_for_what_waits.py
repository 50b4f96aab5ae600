"""What an answer would remember waits where all that it would do waits, and may be forgotten there."""

import django.db.models.deletion
from django.db import migrations, models

# Nothing of what waits is changed, but that memories are taken out of it by a forgetting.
_GUARD = """
DROP TRIGGER pendingeffects_is_kept ON orchestration_pendingeffects;
CREATE TRIGGER pendingeffects_is_kept BEFORE DELETE ON orchestration_pendingeffects
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER pendingeffects_is_only_forgotten BEFORE UPDATE ON orchestration_pendingeffects
    FOR EACH ROW WHEN ((OLD.id, OLD.step_id, OLD.run_id, OLD.attempt, OLD.revision, OLD.at, OLD.remembers)
            IS DISTINCT FROM (NEW.id, NEW.step_id, NEW.run_id, NEW.attempt, NEW.revision, NEW.at, NEW.remembers)
        OR NEW.forgotten_id IS NULL OR NOT OLD.remembers OR NEW.forgotten_id <= coalesce(OLD.forgotten_id, 0))
    EXECUTE FUNCTION ringmaster_keep_history();
"""
_UNGUARD = """
DROP TRIGGER pendingeffects_is_only_forgotten ON orchestration_pendingeffects;
DROP TRIGGER pendingeffects_is_kept ON orchestration_pendingeffects;
CREATE TRIGGER pendingeffects_is_kept BEFORE UPDATE OR DELETE ON orchestration_pendingeffects
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
"""
# Of a step whose answer waits: beside what else that would do. Under its last attempt that answered.
_MOVE = """
INSERT INTO orchestration_pendingeffects (step_id, run_id, attempt, revision, effects_json, at, remembers)
SELECT s.id, s.run_id, a.number, s.revision, (coalesce(p.effects_json, '{}')::jsonb || jsonb_build_object(
    'memory', d.lines_json::jsonb -> 'lines', 'embedded', d.lines_json::jsonb -> 'embedded'))::text,
    clock_timestamp(), true
FROM orchestration_memorydraft d JOIN orchestration_step s ON s.id = d.step_id AND s.renewals = d.journal
JOIN LATERAL (SELECT max(n.number) AS number FROM orchestration_attempt n
    WHERE n.step_id = s.id AND n.outcome = 'answered') a ON a.number IS NOT NULL
LEFT JOIN LATERAL (SELECT e.effects_json FROM orchestration_pendingeffects e
    WHERE e.step_id = s.id AND e.revision = s.revision AND e.attempt = a.number ORDER BY e.id DESC LIMIT 1) p ON true
WHERE d.path = '' AND jsonb_array_length(d.lines_json::jsonb -> 'lines') > 0
    AND s.status NOT IN ('succeeded', 'skipped', 'failed', 'cancelled');
DELETE FROM orchestration_memorydraft WHERE path = '';
"""
_MOVE_BACK = """
INSERT INTO orchestration_memorydraft (step_id, journal, path, project_id, lines_json)
SELECT DISTINCT ON (s.id) s.id, s.renewals, '', r.project_id, jsonb_build_object(
    'lines', p.effects_json::jsonb -> 'memory', 'embedded', p.effects_json::jsonb -> 'embedded')::text
FROM orchestration_pendingeffects p JOIN orchestration_step s ON s.id = p.step_id AND s.revision = p.revision
JOIN orchestration_run r ON r.id = s.run_id
WHERE p.remembers AND s.status NOT IN ('succeeded', 'skipped', 'failed', 'cancelled') ORDER BY s.id, p.id DESC;
"""


class Migration(migrations.Migration):
    """Two columns, the guard with them, and what waits."""

    dependencies = [
        ('orchestration', '0051_whom_memories_are_about'),
    ]

    operations = [
        migrations.AddField(
            model_name='pendingeffects',
            name='remembers',
            field=models.BooleanField(db_default=False, help_text='Memories are among them.'),
        ),
        migrations.AddField(
            model_name='pendingeffects',
            name='forgotten',
            field=models.ForeignKey(db_index=False, help_text='The last one that took memories out of it.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orchestration.forgetting'),
        ),
        migrations.AddIndex(
            model_name='pendingeffects',
            index=models.Index(condition=models.Q(('remembers', True)), fields=['run'], name='pending_remembers'),
        ),
        migrations.AlterField(
            model_name='memorydraft',
            name='path',
            field=models.CharField(db_default='', help_text='Of the call.', max_length=620),
        ),
        # Before anything is written: a table with open checks of a transaction can't be changed.
        migrations.RunSQL(_GUARD, _UNGUARD),
        migrations.RunSQL(_MOVE, _MOVE_BACK),
    ]
