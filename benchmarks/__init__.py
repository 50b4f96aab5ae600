"""How fast it is, as ratios against raw Celery in the same run. See README.md."""
