"""How a queue works, where tickets go and who can take them, as rows that people edit."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Tables and columns; each column starts as things were."""

    dependencies = [
        ('escalation', '0007_audit'),
        ('orchestration', '0022_usage_as_numbers'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReasonCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField()),
                ('label', models.CharField(max_length=200)),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=10), help_text='Decisions for which it can be given.', size=None)),
            ],
            options={
                'ordering': ('queue', 'code'),
            },
        ),
        migrations.CreateModel(
            name='ReviewerProfile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('capacity', models.PositiveSmallIntegerField(blank=True, help_text='How many tickets they may hold at once. Empty: any number.', null=True)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text='What they know their way about in.', size=None)),
                ('absent_from', models.DateTimeField(blank=True, null=True)),
                ('absent_until', models.DateTimeField(blank=True, help_text='Empty: until further notice.', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='RoutingRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField(help_text='The lower, the earlier it is tried.')),
                ('name', models.CharField(blank=True, help_text='What tickets say they were routed by.', max_length=100)),
                ('workflow', models.CharField(blank=True, max_length=100)),
                ('step', models.CharField(blank=True, help_text='Key of the step.', max_length=100)),
                ('agent', models.CharField(blank=True, max_length=200)),
                ('rule', models.CharField(blank=True, help_text='Of the policy, such as low_confidence.', max_length=60)),
                ('confidence_from', models.FloatField(blank=True, help_text='0 to 1; the bound itself matches.', null=True)),
                ('confidence_to', models.FloatField(blank=True, help_text='0 to 1; the bound itself does not match, but 1 does.', null=True)),
                ('expression', models.TextField(blank=True, help_text='CEL over input (of the run) and proposal (what is judged), e.g. input.amount > 1000.')),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None)),
            ],
            options={
                'ordering': ('project', 'position', 'id'),
            },
        ),
        migrations.CreateModel(
            name='SlaTarget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sla', models.CharField(max_length=100, verbose_name='SLA class')),
                ('first_touch_seconds', models.FloatField(help_text='Until somebody claims the ticket.')),
                ('resolution_seconds', models.FloatField(help_text='Until it is decided.')),
            ],
            options={
                'ordering': ('queue', 'sla'),
            },
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='assignment',
            field=models.CharField(choices=[('pull', 'Whoever takes the next one'), ('round_robin', 'In turn: whoever was given one longest ago'), ('least_loaded', 'Whoever has the fewest')], default='pull', help_text="An assigned ticket is the first in that person's “next”; after half the time for a first look it is free for all again.", max_length=12),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='bulk_allowed',
            field=models.BooleanField(default=True, help_text='Several alike tickets may be decided together.'),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='grace_seconds',
            field=models.PositiveIntegerField(default=0, help_text='For so long a decision can be taken back before it takes effect. 0: it takes effect at once.'),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='hand_on_agents',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), blank=True, default=list, help_text='Agents that a step may be handed to, beside those its workflow names.', size=None),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='mail_shows_content',
            field=models.BooleanField(default=False, help_text='Mail and messages about a ticket show what agents and customers wrote, not only its number.'),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='needs_all_tags',
            field=models.BooleanField(default=False, help_text='Only people who have all tags of a ticket are offered it and may claim it.', verbose_name='only who has all tags'),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='passing_edits',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list, help_text='Fields of an output whose edit does not count against the agent, such as a greeting.', size=None),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='reasons_required',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=10), blank=True, default=list, help_text='Decisions that need a reason code.', size=None),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='seats',
            field=models.PositiveSmallIntegerField(default=1, help_text='How many people look at a ticket, each on their own. 1: one person decides.'),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='snooze_stops_clock',
            field=models.BooleanField(default=False, help_text='While a ticket is put off until later, its clocks stand still.'),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='throttled_agents',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), blank=True, default=list, help_text="Agents whose steps wait while this queue can't keep up.", size=None),
        ),
        migrations.AddField(
            model_name='reviewqueue',
            name='votes_needed',
            field=models.PositiveSmallIntegerField(default=1, help_text='How many of them must decide alike; at most as many as there are seats.'),
        ),
        migrations.AddField(
            model_name='ticket',
            name='assigned_to',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='assigned_tickets', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='ticket',
            name='assigned_until',
            field=models.DateTimeField(help_text='Then it is free for all again.', null=True),
        ),
        migrations.AddField(
            model_name='ticket',
            name='desk_note',
            field=models.TextField(default='', help_text='What could not be worked out when it opened, such as a rule that failed.'),
        ),
        migrations.AddField(
            model_name='ticket',
            name='routed_by',
            field=models.CharField(default='', help_text='What chose its queue.', max_length=200),
        ),
        migrations.AddField(
            model_name='ticket',
            name='tags',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, help_text="What one should know one's way about in.", size=None),
        ),
        migrations.AddField(
            model_name='ticket',
            name='title',
            field=models.CharField(default='', help_text='What it is about, in a line; often empty.', max_length=200),
        ),
        migrations.AddConstraint(
            model_name='reviewqueue',
            constraint=models.CheckConstraint(condition=models.Q(('assignment__in', ['pull', 'round_robin', 'least_loaded'])), name='review_queue_assignment_known'),
        ),
        migrations.AddConstraint(
            model_name='reviewqueue',
            constraint=models.CheckConstraint(condition=models.Q(('seats__lte', 20), ('votes_needed__gte', 1), ('votes_needed__lte', models.F('seats'))), name='review_queue_votes_can_be_reached'),
        ),
        migrations.AddConstraint(
            model_name='reviewqueue',
            constraint=models.CheckConstraint(condition=models.Q(('seats', 1), ('grace_seconds', 0), _connector='OR'), name='review_queue_votes_take_effect_at_once'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('assigned_to__isnull', True), models.Q(('assigned_until__isnull', False), ('status', 'open')), _connector='OR'), name='ticket_assignment_ends'),
        ),
        migrations.AddField(
            model_name='reasoncode',
            name='queue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reason_codes', to='escalation.reviewqueue'),
        ),
        migrations.AddField(
            model_name='reviewerprofile',
            name='substitute',
            field=models.ForeignKey(blank=True, help_text='Who is assigned their tickets while they are absent.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='reviewerprofile',
            name='user',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='reviewer_profile', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='orchestration.project'),
        ),
        migrations.AddField(
            model_name='routingrule',
            name='queue',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='routing_rules', to='escalation.reviewqueue'),
        ),
        migrations.AddField(
            model_name='slatarget',
            name='queue',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='targets', to='escalation.reviewqueue'),
        ),
        migrations.AddConstraint(
            model_name='reasoncode',
            constraint=models.UniqueConstraint(fields=('queue', 'code'), name='reason_code_once'),
        ),
        migrations.AddConstraint(
            model_name='reasoncode',
            constraint=models.CheckConstraint(condition=models.Q(('kinds', []), _negated=True), name='reason_code_goes_with_decisions'),
        ),
        migrations.AddConstraint(
            model_name='reviewerprofile',
            constraint=models.CheckConstraint(condition=models.Q(('capacity__isnull', True), ('capacity__gte', 1), _connector='OR'), name='reviewer_has_room'),
        ),
        migrations.AddConstraint(
            model_name='reviewerprofile',
            constraint=models.CheckConstraint(condition=models.Q(('absent_until__isnull', True), models.Q(('absent_from__isnull', False), ('absent_until__gt', models.F('absent_from'))), _connector='OR'), name='reviewer_comes_back'),
        ),
        migrations.AddConstraint(
            model_name='reviewerprofile',
            constraint=models.CheckConstraint(condition=models.Q(('substitute__isnull', True), models.Q(('substitute', models.F('user')), _negated=True), _connector='OR'), name='reviewer_is_no_own_substitute'),
        ),
        migrations.AddConstraint(
            model_name='routingrule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('confidence_from__isnull', True), ('confidence_from__range', (0, 1)), _connector='OR'), models.Q(('confidence_to__isnull', True), ('confidence_to__range', (0, 1)), _connector='OR'), models.Q(('confidence_from__isnull', True), ('confidence_to__isnull', True), ('confidence_from__lt', models.F('confidence_to')), _connector='OR')), name='routing_rule_confidence_in_order'),
        ),
        migrations.AddConstraint(
            model_name='slatarget',
            constraint=models.UniqueConstraint(fields=('queue', 'sla'), name='sla_target_once'),
        ),
        migrations.AddConstraint(
            model_name='slatarget',
            constraint=models.CheckConstraint(condition=models.Q(('first_touch_seconds__gt', 0), ('first_touch_seconds__lte', models.F('resolution_seconds')), ('resolution_seconds__lte', 31622400)), name='sla_target_can_be_kept'),
        ),
    ]
