"""The console's pages are loaded by who shows or checks them, and by nobody else."""

import subprocess
import sys

from config.env import PROJECT_DIR, for_child

_LOOK = """
import django
django.setup()
from django.contrib import admin
from config.console import check_pages
assert not admin.site._registry, "a process that only works has loaded pages"
assert check_pages(None) == []
print(len(admin.site._registry))
import config.urls
print(len(admin.site._registry))
"""


def test_a_process_that_shows_nothing_loads_no_pages_and_a_check_loads_all() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOOK],
        cwd=PROJECT_DIR,
        env=for_child(DJANGO_SETTINGS_MODULE="config.settings.test"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    checked, shown = done.stdout.split()
    assert int(checked) == int(shown) > 10
