"""A ticket knows who gave it back, so that it is not at once offered to them again."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """One nullable column; nothing is rewritten."""

    dependencies = (
        ("escalation", "0003_history_is_kept"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    )

    operations = (
        migrations.AddField(
            model_name="ticket",
            name="released_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                db_index=False,
                help_text="Who gave the open ticket back last: they are offered it after all others.",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    )
