"""What is remembered: versions that stay, but for what a forgetting takes out of them."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

_WRITTEN = (
    "project_id, scope, scope_id, key, version, digest, tokens, step_id, run_id, attempt_id, person_id, person_name, "
    "valid_from, written_in, expires_at"
)
_REPLACED = "replaced_at, replaced_by, replaced_in"
_SAID = "value_json, search, forgotten_id"


def _changes(columns: str) -> str:
    """Return the condition that an UPDATE changes one of these columns."""
    of = ["(" + ", ".join(f"{row}.{column.strip()}" for column in columns.split(",")) + ")" for row in ("OLD", "NEW")]
    return " IS DISTINCT FROM ".join(of)


# A version is replaced once, and forgotten once: then it says nothing more, and names the row that tells why.
_GUARD = f"""
CREATE TRIGGER memory_is_kept BEFORE DELETE ON orchestration_memory
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER memory_is_only_appended_to BEFORE UPDATE ON orchestration_memory
    FOR EACH ROW WHEN ({_changes(_WRITTEN)}
        OR (OLD.replaced_by IS NOT NULL AND {_changes(_REPLACED)})
        OR ({_changes(_SAID)} AND NOT (OLD.forgotten_id IS NULL AND NEW.forgotten_id IS NOT NULL
            AND NEW.value_json IS NULL AND NEW.search = '')))
    EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER memory_rows_are_kept BEFORE TRUNCATE ON orchestration_memory
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER forgetting_is_kept BEFORE UPDATE OR DELETE ON orchestration_forgetting
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER forgetting_rows_are_kept BEFORE TRUNCATE ON orchestration_forgetting
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
_UNGUARD = """
DROP TRIGGER forgetting_rows_are_kept ON orchestration_forgetting;
DROP TRIGGER forgetting_is_kept ON orchestration_forgetting;
DROP TRIGGER memory_rows_are_kept ON orchestration_memory;
DROP TRIGGER memory_is_only_appended_to ON orchestration_memory;
DROP TRIGGER memory_is_kept ON orchestration_memory;
"""


class Migration(migrations.Migration):
    """Tables of memories, of what is noted, and of forgettings; one kind of call more."""

    dependencies = [
        ('orchestration', '0040_actors'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='MemoryVector',
            fields=[
                ('pk', models.CompositePrimaryKey('memory_id', 'embedder', blank=True, editable=False, primary_key=True, serialize=False)),
                ('memory_id', models.BigIntegerField()),
                ('embedder', models.CharField(help_text='<name>@<version>', max_length=121)),
            ],
            options={
                'db_table': 'orchestration_memoryvector',
                'managed': False,
            },
        ),
        migrations.AlterField(
            model_name='call',
            name='kind',
            field=models.CharField(choices=[('once', 'once'), ('model', 'model'), ('tool', 'tool'), ('memory', 'memory'), ('timer', 'timer'), ('signal', 'signal'), ('ask', 'ask'), ('approval', 'approval'), ('message', 'message')], max_length=10),
        ),
        migrations.CreateModel(
            name='Forgetting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('which', models.TextField(help_text='What was asked for: canonical JSON, without a text that was looked for.')),
                ('reason', models.TextField()),
                ('person_name', models.CharField(help_text='By which way it was ordered, and by whom.', max_length=200)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('versions', models.PositiveIntegerField(help_text='So many versions were forgotten.')),
                ('person', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orchestration.project')),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='Memory',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(choices=[('agent', 'agent'), ('run', 'run'), ('project', 'project'), ('actor', 'actor')], max_length=10)),
                ('scope_id', models.CharField(db_default='', help_text='The agent, the run or the actor; empty: the project.', max_length=300)),
                ('key', models.CharField(max_length=200)),
                ('version', models.PositiveIntegerField(help_text='From 1 within the key.')),
                ('value_json', models.TextField(help_text='Canonical JSON; NULL: forgotten.', null=True)),
                ('digest', models.CharField(help_text='SHA-256 of the value; it stays when that is forgotten.', max_length=64)),
                ('tokens', models.PositiveIntegerField()),
                ('search', models.TextField(help_text='What a recall looks at.')),
                ('words', models.GeneratedField(db_persist=True, expression=django.contrib.postgres.search.SearchVector('key', 'search', config='english'), output_field=django.contrib.postgres.search.SearchVectorField())),
                ('person_name', models.CharField(db_default='', help_text='Who wrote it by hand, and how.', max_length=200)),
                ('valid_from', models.DateTimeField()),
                ('written_in', models.BigIntegerField(help_text='The transaction: 64 bits, never used again.')),
                ('replaced_at', models.DateTimeField(null=True)),
                ('replaced_by', models.BigIntegerField(help_text='The row of the next version.', null=True)),
                ('replaced_in', models.BigIntegerField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('attempt', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='memories', to='orchestration.attempt')),
                ('forgotten', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='memories', to='orchestration.forgetting')),
                ('person', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orchestration.project')),
                ('run', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='memories', to='orchestration.run')),
                ('step', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='memories', to='orchestration.step')),
            ],
            options={
                'ordering': ('scope', 'scope_id', 'key', '-version'),
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['words'], name='memory_words')],
                'constraints': [models.UniqueConstraint(fields=('project', 'scope', 'scope_id', 'key', 'version'), name='memory_version_once'), models.UniqueConstraint(condition=models.Q(('replaced_by__isnull', True)), fields=('project', 'scope', 'scope_id', 'key'), name='memory_current_once'), models.CheckConstraint(condition=models.Q(('version__gte', 1)), name='memory_version_from_one'), models.CheckConstraint(condition=models.Q(models.Q(('replaced_at', None), ('replaced_by', None), ('replaced_in', None)), models.Q(('replaced_at__isnull', False), ('replaced_by__isnull', False), ('replaced_in__isnull', False)), _connector='OR'), name='memory_replaced_is_told'), models.CheckConstraint(condition=models.Q(models.Q(('forgotten', None), ('value_json__isnull', False)), models.Q(('forgotten__isnull', False), ('search', ''), ('value_json', None)), _connector='OR'), name='memory_forgotten_is_empty'), models.CheckConstraint(condition=models.Q(models.Q(('attempt__isnull', False), ('person_name', ''), ('run__isnull', False), ('step__isnull', False)), models.Q(('attempt', None), ('run', None), ('step', None), models.Q(('person_name', ''), _negated=True)), _connector='OR'), name='memory_has_a_writer')],
            },
        ),
        migrations.CreateModel(
            name='MemoryDraft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('journal', models.IntegerField(help_text='As of a call.')),
                ('path', models.CharField(db_default='', help_text='Of the call; empty: it came with the answer that is proposed.', max_length=620)),
                ('project_id', models.BigIntegerField()),
                ('lines_json', models.TextField()),
                ('step', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='memory_drafts', to='orchestration.step')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('step', 'journal', 'path'), name='memory_draft_once')],
            },
        ),
        migrations.RunSQL(_GUARD, _UNGUARD),
    ]
