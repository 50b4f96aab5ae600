"""What a worker tells of each agent it has: the console shows it without importing any."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column; workers of the release before leave it empty."""

    dependencies = [("orchestration", "0047_mail_by_time")]

    operations = [
        migrations.AddField(
            model_name="workerprocess",
            name="offers_json",
            field=models.TextField(
                db_default="", default="", help_text="What it tells of each agent: tools, effects, why it could not be built."
            ),
        ),
    ]
