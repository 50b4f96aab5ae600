"""The units and probes of docs/howto/production.md start what the Procfile starts; systemd can read them."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.architecture.sources import PROJECT_DIR

_PAGE = (PROJECT_DIR / "docs" / "howto" / "production.md").read_text(encoding="utf-8")
_BIN = "/srv/ringmaster/.venv/bin/"
_UNITS = dict(
    re.findall(
        r"^```ini\n# /etc/systemd/system/ringmaster-([a-z-]+)\.service\n(.*?)^```$",
        _PAGE,
        re.MULTILINE | re.DOTALL,
    )
)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)


def _procfile() -> dict[str, list[str]]:
    """Return each process's words, defaults filled in, without what is set before them."""
    lines = (PROJECT_DIR / "Procfile").read_text(encoding="utf-8").splitlines()
    named = (line.partition(": ") for line in lines)
    return {
        name: [
            word
            for word in re.sub(r"\$\{\w+:-(.*?)\}", r"\1", rest).split()
            if not re.match(r"[A-Z_]+=", word)
        ]
        for name, _, rest in named
    }


def _read(unit: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit)
    return parser


def test_there_is_a_unit_for_each_process_but_flower() -> None:
    assert set(_UNITS) == set(_procfile()) - {"flower"}


@pytest.mark.parametrize("name", sorted(_UNITS))
def test_a_unit_starts_what_the_procfile_starts(name: str) -> None:
    service = _read(_UNITS[name])["Service"]
    started = service["ExecStart"].replace("%%", "%").removeprefix(_BIN).split()
    assert started == _procfile()[name]
    assert service["Restart"] == "always"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name, unit in _UNITS.items():
        here = unit.replace(_BIN, f"{Path(sys.executable).parent}/").replace("User=ringmaster", "User=daemon")
        (tmp_path / f"ringmaster-{name}.service").write_text(here, encoding="utf-8")
    said = subprocess.run(
        ["systemd-analyze", "verify", *map(str, tmp_path.glob("*.service"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in said.stderr.splitlines() if "ringmaster-" in line] == []


def test_a_container_s_command_is_the_procfile_s() -> None:
    [image] = _blocks("dockerfile")
    [command] = re.findall(r"^CMD (\[.*\])$", image, re.MULTILINE)
    assert yaml.safe_load(command) == _procfile()["web"]


def test_the_probes_name_addresses_and_commands_that_are_there() -> None:
    web, worker = map(yaml.safe_load, _blocks("yaml"))
    assert [web[probe]["httpGet"]["path"] for probe in web] == ["/healthz", "/readyz"]
    assert worker["livenessProbe"]["exec"]["command"] == ["python", "manage.py", "health", "worker"]
