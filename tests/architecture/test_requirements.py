"""Both files of pinned requirements can be installed together: a package that stands in both has one version."""

import re

from tests.architecture.sources import PROJECT_DIR


def _read_pins(name: str) -> dict[str, set[str]]:
    """Return the versions of each package; one that differs between Pythons has several."""
    pins: dict[str, set[str]] = {}
    for line in (PROJECT_DIR / name).read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", line):
            pins.setdefault(found[1].lower(), set()).add(found[2])
    return pins


def test_what_stands_in_both_files_has_the_same_versions() -> None:
    product, tools = _read_pins("requirements.txt"), _read_pins("requirements-dev.txt")
    shared = product.keys() & tools.keys()
    assert "django" in shared
    differing = {name: (product[name], tools[name]) for name in shared if product[name] != tools[name]}
    assert not differing, "write requirements-dev.txt anew with `make lock`"
