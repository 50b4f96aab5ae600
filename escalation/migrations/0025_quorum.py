"""Several people decide a ticket: their seats, their votes, and what PostgreSQL sees to by itself."""

import django.db.models.deletion
import escalation.models.clock
from django.conf import settings
from django.db import migrations, models


GUARDS = """
CREATE TRIGGER vote_is_kept BEFORE UPDATE OR DELETE ON escalation_vote
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER votes_are_kept BEFORE TRUNCATE ON escalation_vote
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();

CREATE FUNCTION escalation_quorum_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.seats, NEW.votes_needed) IS DISTINCT FROM (OLD.seats, OLD.votes_needed)
        OR NEW.votes_cast NOT BETWEEN OLD.votes_cast AND OLD.votes_cast + 1
        OR (OLD.needs_lead AND NOT NEW.needs_lead) THEN
        RAISE EXCEPTION 'how many people decide ticket % never changes, and no vote is uncounted', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status = 'resolved' AND NEW.resolved_rule = '' AND NEW.seats > 1 AND NOT NEW.needs_lead
        AND NOT EXISTS (
            SELECT FROM escalation_vote WHERE ticket_id = NEW.id AND kind = NEW.resolution
            GROUP BY output_digest HAVING count(*) >= NEW.votes_needed) THEN
        RAISE EXCEPTION 'ticket % takes % votes that agree', OLD.id, OLD.votes_needed
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ticket_quorum_is_kept BEFORE UPDATE ON escalation_ticket
    FOR EACH ROW WHEN (OLD.seats > 1 OR NEW.seats > 1) EXECUTE FUNCTION escalation_quorum_guard();
"""
UNGUARD = """
DROP TRIGGER ticket_quorum_is_kept ON escalation_ticket;
DROP FUNCTION escalation_quorum_guard();
DROP TRIGGER votes_are_kept ON escalation_vote;
DROP TRIGGER vote_is_kept ON escalation_vote;
"""


class Migration(migrations.Migration):
    """Two tables, four columns, and triggers."""

    dependencies = [
        ('escalation', '0024_grace_periods'),
        ('orchestration', '0024_audit_samples'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Seat',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField(help_text='From 1 to as many as the ticket has seats.')),
                ('claim_number', models.PositiveIntegerField(help_text="Of the ticket's claims; a vote names its own.")),
                ('claimed_at', models.DateTimeField()),
                ('claim_expires_at', models.DateTimeField(help_text='Null: given back, or voted.', null=True)),
                ('draft_json', models.TextField(null=True)),
                ('has_voted', models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name='Vote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=escalation.models.clock.ClockTimestamp())),
                ('seat', models.PositiveSmallIntegerField()),
                ('claim_number', models.PositiveIntegerField(help_text='Of the claim under which it was cast.')),
                ('seen_digest', models.CharField(help_text='SHA-256 of what the person saw.', max_length=64)),
                ('kind', models.CharField(choices=[('approve', 'approve'), ('edit', 'edit'), ('send_back', 'send_back'), ('hand_on', 'hand_on'), ('skip', 'skip'), ('close', 'close'), ('abort', 'abort'), ('refuse', 'refuse'), ('default', 'default')], max_length=10)),
                ('output_digest', models.CharField(help_text='SHA-256 of what would take effect.', max_length=64)),
                ('output_json', models.TextField(null=True)),
                ('feedback', models.TextField(default='')),
                ('note', models.TextField(default='')),
                ('agent', models.CharField(default='', max_length=200)),
                ('reason_code', models.CharField(default='', max_length=50)),
                ('scope', models.CharField(choices=[('part', 'part'), ('tree', 'tree')], default='', max_length=4)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.AddField(
            model_name='ticket',
            name='needs_lead',
            field=models.BooleanField(default=False, help_text="Several people can't decide it, so one who leads its queue does."),
        ),
        migrations.AddField(
            model_name='ticket',
            name='seats',
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='ticket',
            name='votes_cast',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='ticket',
            name='votes_needed',
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('votes_cast__lte', models.F('seats')), ('votes_needed__gte', 1), ('votes_needed__lte', models.F('seats'))), name='ticket_votes_can_be_reached'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('seats', 1), ('needs_lead', True), models.Q(('assigned_to__isnull', True), ('claimed_by__isnull', True), ('decided_at__isnull', True), ('snoozed_until__isnull', True)), _connector='OR'), name='ticket_quorum_has_no_holder'),
        ),
        migrations.AddField(
            model_name='seat',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='seat',
            name='ticket',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='seat_rows', to='escalation.ticket'),
        ),
        migrations.AddField(
            model_name='vote',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='vote',
            name='ticket',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='votes', to='escalation.ticket'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.UniqueConstraint(fields=('ticket', 'number'), name='seat_once'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.UniqueConstraint(fields=('ticket', 'person'), name='seat_one_a_person'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='seat_numbered'),
        ),
        migrations.AddConstraint(
            model_name='seat',
            constraint=models.CheckConstraint(condition=models.Q(('has_voted', False), models.Q(('claim_expires_at__isnull', True), ('draft_json__isnull', True)), _connector='OR'), name='seat_voted_is_no_claim'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.UniqueConstraint(fields=('ticket', 'seat'), name='vote_once_a_seat'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.UniqueConstraint(fields=('ticket', 'person'), name='vote_once_a_person'),
        ),
        migrations.AddConstraint(
            model_name='vote',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['approve', 'edit', 'send_back', 'hand_on', 'skip', 'close', 'abort', 'refuse'])), name='vote_kind_known'),
        ),
        migrations.RunSQL(GUARDS, UNGUARD),
    ]
