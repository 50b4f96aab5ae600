"""Budgets: of people's time that is used up, somebody is told once for each limit."""

from importlib import import_module

from django.db import migrations, models

_BEFORE = import_module("orchestration.migrations.0039_peoples_time")
_CHANGED = ("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
UNBOOK = _BEFORE.BOOK.replace(*_CHANGED)
_MARK = """THEN clock_timestamp() ELSE p.used_up_at END,
            used_up_step = CASE WHEN c.is_used_up AND c.is_untold THEN by_step ELSE p.used_up_step END"""
BOOK = UNBOOK.replace("THEN clock_timestamp() ELSE p.used_up_at END", _MARK)


class Migration(migrations.Migration):
    """A column that may be NULL, and an index of the few rows that have it."""

    dependencies = [
        ('orchestration', '0048_what_workers_tell'),
    ]

    operations = [
        migrations.AddField(
            model_name='pot',
            name='used_up_step',
            field=models.BigIntegerField(help_text="Whose ticket used it up, until the leads of that ticket's queue were told.", null=True),
        ),
        migrations.AddIndex(
            model_name='pot',
            index=models.Index(condition=models.Q(('used_up_step__isnull', False)), fields=['id'], name='pot_untold'),
        ),
        migrations.RunSQL(BOOK, UNBOOK),
    ]
