"""Memories say whom they are about, and why a person wrote them; both go when they are forgotten."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.conf import settings
from django.db import migrations, models

_WRITTEN = (
    "project_id, scope, scope_id, key, version, digest, tokens, step_id, run_id, attempt_id, person_id, person_name, "
    "valid_from, written_in, expires_at"
)
_REPLACED = "replaced_at, replaced_by, replaced_in"
_SAID = "value_json, search, about, reason, forgotten_id"
_SAID_BEFORE = "value_json, search, forgotten_id"
_EMPTY = "NEW.value_json IS NULL AND NEW.search = ''"


def _changes(columns: str) -> str:
    """Return the condition that an UPDATE changes one of these columns."""
    of = ["(" + ", ".join(f"{row}.{column.strip()}" for column in columns.split(",")) + ")" for row in ("OLD", "NEW")]
    return " IS DISTINCT FROM ".join(of)


def _guard(said: str, is_empty: str) -> str:
    return f"""
DROP TRIGGER memory_is_only_appended_to ON orchestration_memory;
CREATE TRIGGER memory_is_only_appended_to BEFORE UPDATE ON orchestration_memory
    FOR EACH ROW WHEN ({_changes(_WRITTEN)}
        OR (OLD.replaced_by IS NOT NULL AND {_changes(_REPLACED)})
        OR ({_changes(said)} AND NOT (OLD.forgotten_id IS NULL AND NEW.forgotten_id IS NOT NULL AND {is_empty})))
    EXECUTE FUNCTION ringmaster_keep_history();
"""


class Migration(migrations.Migration):
    """Two columns, and the guard with them."""

    dependencies = [
        ('orchestration', '0050_late_usage'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='memory',
            options={'ordering': ('scope', 'scope_id', 'key', '-version'), 'verbose_name_plural': 'memories'},
        ),
        migrations.RemoveConstraint(model_name='memory', name='memory_forgotten_is_empty'),
        migrations.AddField(
            model_name='memory',
            name='about',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), db_default=[], help_text='Whom it tells something about.', size=None),
        ),
        migrations.AddField(
            model_name='memory',
            name='reason',
            field=models.TextField(db_default='', help_text='Why a person wrote it.'),
        ),
        migrations.AddIndex(
            model_name='memory',
            index=django.contrib.postgres.indexes.GinIndex(fields=['about'], name='memory_about'),
        ),
        migrations.AddConstraint(
            model_name='memory',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('forgotten', None), ('value_json__isnull', False)), models.Q(('about', []), ('forgotten__isnull', False), ('reason', ''), ('search', ''), ('value_json', None)), _connector='OR'), name='memory_forgotten_is_empty'),
        ),
        migrations.RunSQL(
            _guard(_SAID, f"{_EMPTY} AND NEW.about = '{{}}' AND NEW.reason = ''"), _guard(_SAID_BEFORE, _EMPTY)
        ),
    ]
