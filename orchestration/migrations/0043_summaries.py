"""Summaries that are made once, and what each lost; a summary is written once, as history is."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


GUARD = """
CREATE TRIGGER summary_is_kept BEFORE UPDATE OR DELETE ON orchestration_summary
    FOR EACH ROW EXECUTE FUNCTION ringmaster_keep_history();
CREATE TRIGGER summary_rows_are_kept BEFORE TRUNCATE ON orchestration_summary
    FOR EACH STATEMENT EXECUTE FUNCTION ringmaster_keep_history();
"""
UNGUARD = """
DROP TRIGGER summary_rows_are_kept ON orchestration_summary;
DROP TRIGGER summary_is_kept ON orchestration_summary;
"""


class Migration(migrations.Migration):
    """A table and a column."""

    dependencies = [
        ('orchestration', '0042_lineage_of_messages'),
    ]

    operations = [
        migrations.AddField(
            model_name='handoff',
            name='loss_json',
            field=models.TextField(help_text='What its summary lost, as counts.', null=True),
        ),
        migrations.CreateModel(
            name='Summary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('original_digest', models.CharField(help_text='SHA-256 of the output that was shortened.', max_length=64)),
                ('allowance_tokens', models.IntegerField(help_text='It may have so many.')),
                ('pins_digest', models.CharField(help_text='Of the pointers pinned beside it; empty without any.', max_length=64)),
                ('summariser', models.CharField(help_text='Who was asked, with the version.', max_length=200)),
                ('tokenizer', models.CharField(max_length=40)),
                ('text', models.TextField(help_text='What is handed instead of the original: canonical JSON.')),
                ('digest', models.CharField(max_length=64)),
                ('tokens', models.IntegerField()),
                ('summarised_by', models.CharField(help_text='Whose words it has.', max_length=100)),
                ('loss_json', models.TextField(help_text='What it lost of the original, as counts, and what it cost.')),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='orchestration.project')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('project', 'original_digest', 'allowance_tokens', 'pins_digest', 'summariser', 'tokenizer'), name='summary_once')],
            },
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
