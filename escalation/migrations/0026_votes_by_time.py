"""What each person did within the hour is read by when they voted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """An index."""

    dependencies = [('escalation', '0025_quorum')]

    operations = [
        migrations.AddIndex(
            model_name='vote',
            index=models.Index(fields=['at'], name='vote_at'),
        ),
    ]
