"""Lines of the history in the lineage leave out which person decided: the desk's own lines say so where it may be known.

What stands in the history is taken out as text and not read as JSON, as it may hold what PostgreSQL can't turn into text.
"""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("orchestration.migrations.0054_whole_lineage")._VIEW
_VALUE = r'"(by|reason)":"([^"\\]|\\.)*"'
_EVENT = "e.data_json, NULL::bigint AS project_id"
_VIEW = _BEFORE.replace("CREATE VIEW", "CREATE OR REPLACE VIEW").replace(
    _EVENT,
    f"""CASE WHEN e.kind = 'step_resolved' OR starts_with(e.data_json, '{{"by":"person:')
        THEN regexp_replace(e.data_json, '{_VALUE},|,?{_VALUE}', '', 'g') ELSE e.data_json END AS data_json,
    NULL::bigint AS project_id""",
)


class Migration(migrations.Migration):
    """The view, without names."""

    dependencies = [
        ('orchestration', '0054_whole_lineage'),
    ]

    operations = [
        migrations.RunSQL(_VIEW, _BEFORE.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")),
    ]
