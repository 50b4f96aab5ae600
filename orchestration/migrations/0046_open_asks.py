"""Index the questions to actors that are open, for those who look for circles of them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0045_fetched_parts")]

    operations = [
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                fields=("step",), condition=models.Q(state="open", kind="message"), name="call_asks"
            ),
        ),
    ]
