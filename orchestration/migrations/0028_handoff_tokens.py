"""The tokens that a step may be handed get a name of their own; a budget is what a run may use. Only the name changes."""

from django.db import migrations


class Migration(migrations.Migration):
    """One column is renamed: no row is written, and the table is locked for a moment."""

    dependencies = (("orchestration", "0027_usage_of_calls"),)

    operations = (migrations.RenameField("agentcontext", "token_budget", "handoff_tokens"),)
