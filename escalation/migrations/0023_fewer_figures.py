"""Judgements are no longer counted by confidence, nor what a rule decided; past hours are counted anew."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("escalation", "0022_audits")]

    operations = [
        migrations.RemoveIndex(model_name="dayfigure", name="day_figure_accuracy"),
        # Kept figures are nothing but counts of tickets: the maintainer counts them again within minutes.
        migrations.RunSQL(
            "TRUNCATE escalation_foldedhour, escalation_hourfigure, escalation_dayfigure, escalation_agenthour",
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name="dayfigure",
            name="bucket",
            field=models.SmallIntegerField(help_text="Of a length of time; 0 where there is none."),
        ),
        migrations.AlterField(
            model_name="hourfigure",
            name="bucket",
            field=models.SmallIntegerField(help_text="Of a length of time; 0 where there is none."),
        ),
    ]
