"""Decisions that take effect only after a while: a row beside the open ticket, never one without the other."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# The ticket says when it was decided, the row says what: at the end of a transaction both are there, or neither is.
GUARDS = """
CREATE FUNCTION escalation_pending_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
BEGIN
    IF TG_TABLE_NAME = 'escalation_ticket' THEN
        number := NEW.id;
    ELSE
        number := COALESCE(NEW.ticket_id, OLD.ticket_id);
    END IF;
    IF (SELECT decided_at FROM escalation_ticket WHERE id = number AND status = 'open')
        IS DISTINCT FROM (SELECT decided_at FROM escalation_pendingresolution WHERE ticket_id = number) THEN
        RAISE EXCEPTION 'ticket % and its decision that waits to take effect do not agree', number
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER pending_goes_with_its_ticket AFTER INSERT OR DELETE ON escalation_pendingresolution
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION escalation_pending_guard();
CREATE CONSTRAINT TRIGGER ticket_goes_with_its_pending AFTER UPDATE OF decided_at, status ON escalation_ticket
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.decided_at IS NOT NULL OR OLD.decided_at IS NOT NULL)
    EXECUTE FUNCTION escalation_pending_guard();
CREATE TRIGGER pending_never_changes BEFORE UPDATE ON escalation_pendingresolution
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER pending_never_changes ON escalation_pendingresolution;
DROP TRIGGER ticket_goes_with_its_pending ON escalation_ticket;
DROP TRIGGER pending_goes_with_its_ticket ON escalation_pendingresolution;
DROP FUNCTION escalation_pending_guard();
"""


class Migration(migrations.Migration):
    """A table, a nullable column, and triggers."""

    dependencies = [
        ('escalation', '0023_fewer_figures'),
        ('orchestration', '0024_audit_samples'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PendingResolution',
            fields=[
                ('ticket', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='pending', serialize=False, to='escalation.ticket')),
                ('kind', models.CharField(choices=[('approve', 'approve'), ('edit', 'edit'), ('send_back', 'send_back'), ('hand_on', 'hand_on'), ('skip', 'skip'), ('close', 'close'), ('abort', 'abort'), ('refuse', 'refuse'), ('default', 'default')], max_length=10)),
                ('claim_number', models.PositiveIntegerField(help_text='Of the claim under which it was decided.')),
                ('seen_digest', models.CharField(help_text='SHA-256 of what the person saw.', max_length=64)),
                ('output_json', models.TextField(null=True)),
                ('feedback', models.TextField(default='')),
                ('note', models.TextField(default='')),
                ('agent', models.CharField(default='', max_length=200)),
                ('reason_code', models.CharField(default='', max_length=50)),
                ('scope', models.CharField(choices=[('part', 'part'), ('tree', 'tree')], default='', max_length=4)),
                ('decided_at', models.DateTimeField()),
                ('takes_effect_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddField(
            model_name='ticket',
            name='decided_at',
            field=models.DateTimeField(help_text='When somebody decided, where that takes effect only after a while.', null=True),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('decided_at__isnull', True), models.Q(('claimed_by__isnull', False), ('status', 'open')), ('status', 'resolved'), _connector='OR'), name='ticket_decided_is_held'),
        ),
        migrations.AddField(
            model_name='pendingresolution',
            name='decided_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='pendingresolution',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['approve', 'edit', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'refuse'])), name='pending_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='pendingresolution',
            constraint=models.CheckConstraint(condition=models.Q(('takes_effect_at__gt', models.F('decided_at'))), name='pending_takes_effect_later'),
        ),
        migrations.RunSQL(GUARDS, UNGUARD),
    ]
