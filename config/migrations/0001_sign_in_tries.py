"""The table of tries to sign in."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """One table."""

    initial = True
    dependencies = ()

    operations = (
        migrations.CreateModel(
            name="SignInTry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "person",
                    models.CharField(
                        help_text="Keyed hash of the name: people type passwords there too.", max_length=64
                    ),
                ),
                ("address", models.CharField(max_length=64)),
                ("tried_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["address", "tried_at"], name="sign_in_try_address"),
                    models.Index(fields=["tried_at"], name="sign_in_try_at"),
                ],
            },
        ),
    )
