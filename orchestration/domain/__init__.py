"""Pure decisions: values in, values out. No Django, no Celery, no clock, no randomness."""
