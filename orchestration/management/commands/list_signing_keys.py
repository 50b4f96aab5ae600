"""`list_signing_keys`: the keys that closed runs were signed with, this installation's and others."""

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.management.base import EngineCommand
from orchestration.conf import get_former_keys, get_signer
from orchestration.domain.bundle import fingerprint
from orchestration.management.arguments import add_json_switch
from orchestration.selectors.signing_keys import count_signatures


class Command(EngineCommand):
    """List the public keys of seals."""

    help = "List the keys that closed runs were signed with, and which of them are this installation's."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --json."""
        add_json_switch(parser)

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        """Write a line for each key, the one in use first."""
        used, former = get_signer().public_key, get_former_keys()
        counted = count_signatures()
        keys = list(dict.fromkeys([used, *former, *counted]))
        rows = [
            {
                "public_key": key,
                "fingerprint": fingerprint(key),
                "is": "used" if key == used else "former" if key in former else "unknown",
                "seals": counted[key].seals if key in counted else 0,
                "first_at": counted[key].first_at.isoformat() if key in counted else None,
                "last_at": counted[key].last_at.isoformat() if key in counted else None,
            }
            for key in keys
        ]
        if as_json:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        for row in rows:
            self.stdout.write(
                f"{row['is']:<8} {row['public_key']}\n         {row['fingerprint']}, {row['seals']:,} seals"
                + (f", {row['first_at']} to {row['last_at']}" if row["seals"] else "")
            )
        if any(row["is"] == "unknown" for row in rows):
            self.stdout.write(
                "unknown: neither in use nor in FORMER_SIGNING_KEYS; `verify_run` refuses its seals."
            )
