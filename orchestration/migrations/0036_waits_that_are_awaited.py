"""A wait is one that the step's last attempt met; a signal that one could not use is still there for another."""

from importlib import import_module

import orchestration.domain.calls
from django.db import migrations, models

_BEFORE = import_module("orchestration.migrations.0030_signals")
_UNGUARD = "DROP TRIGGER signal_is_used_once ON orchestration_signal;"
_GUARD_BEFORE = f"""
CREATE TRIGGER signal_is_used_once BEFORE UPDATE ON orchestration_signal
    FOR EACH ROW WHEN (((OLD.taken_at IS NOT NULL OR OLD.refusal <> '')
        AND {_BEFORE._changes("step_id, taken_at, refusal")}) OR {_BEFORE._changes(_BEFORE._SENT)})
    EXECUTE FUNCTION ringmaster_keep_history();
"""
_GUARD = _GUARD_BEFORE.replace("(OLD.taken_at IS NOT NULL OR OLD.refusal <> '')", "OLD.taken_at IS NOT NULL")
_TELL_AWAITED = """
UPDATE orchestration_call c SET awaited_in = s.attempt FROM orchestration_step s
WHERE c.state = 'open' AND s.id = c.step_id AND c.journal = s.renewals AND s.status IN ('waiting', 'held');
"""


class Migration(migrations.Migration):
    """Two columns, two indexes, and what may be changed of a signal."""

    dependencies = [("orchestration", "0035_full_pots")]

    operations = [
        migrations.AddField(
            model_name="call",
            name="awaited_in",
            field=models.IntegerField(
                help_text="Number of the step's attempt that was suspended with it; others don't wait for it.", null=True
            ),
        ),
        migrations.AddField(
            model_name="call",
            name="is_past",
            field=models.BooleanField(
                db_default=False, help_text="A person let the step go on: it is waited for anew, under another path."
            ),
        ),
        migrations.AlterField(
            model_name="signal",
            name="refusal",
            field=models.TextField(db_default="", help_text="Why whoever waited could not use it; another may."),
        ),
        migrations.RemoveIndex(model_name="call", name="call_due"),
        migrations.RemoveIndex(model_name="signal", name="signal_unused"),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                condition=models.Q(
                    ("awaited_in__isnull", False),
                    ("due_at__isnull", False),
                    ("state", orchestration.domain.calls.CallState["OPEN"]),
                ),
                fields=["due_at"],
                name="call_due",
            ),
        ),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(
                condition=models.Q(("taken_at__isnull", True)), fields=["run", "name"], name="signal_unused"
            ),
        ),
        migrations.RunSQL(_UNGUARD + _GUARD, _UNGUARD + _GUARD_BEFORE),
        migrations.RunSQL(_TELL_AWAITED, ""),
    ]
