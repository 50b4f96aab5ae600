"""`manage.py maintain`: the process that rescues, wakes and rings again. Run any number; one leads."""

import signal
from typing import Any

from agents.management.base import EngineCommand
from orchestration.maintenance import Maintainer


class Command(EngineCommand):
    """Run the maintainer until SIGTERM or Ctrl-C."""

    help = "Rescue, wake and ring again, every second, until stopped. Any number may run; one leads."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped."""
        maintainer = Maintainer()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: maintainer.stop())
        self.stdout.write("maintainer started; it works when no other leads")
        maintainer.run()
        self.stdout.write("maintainer stopped")
