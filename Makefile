# Two commands for a fresh machine with Python 3.11+: `make demo` and `make test`. No root, database or Redis needed.
# ARGS is handed on: `make demo ARGS=--once`, `make test ARGS="tests/unit -x"`.

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(if $(shell \
	$(name) -c 'import sys; print("ok" if sys.version_info >= (3, 11) else "")' 2>/dev/null),$(name))))
VENV ?= .venv
PY = "$(VENV)/bin/python"

.PHONY: demo test tools check lock pictures

demo: $(VENV)/installed
	@exec $(PY) manage.py demo $(ARGS)

test: $(VENV)/installed-dev
	@$(have-browser)
	@exec $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# What tests need, for tests of your own: `make tools`, then `python -m pytest`.
tools: $(VENV)/installed-dev

# Every check that is not a test.
check: $(VENV)/installed-dev
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -c "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"

# The pictures of the how-tos, taken anew; look at them before they are committed.
pictures: $(VENV)/installed-dev
	@$(have-browser)
	$(PY) -m pytest -q tests/browser/pictures.py

# requirements*.txt are the exact versions that were tried together.
lock: $(VENV)/installed-dev
	$(PY) -m uv pip compile -q --no-emit-index-url --universal --python-version 3.11 requirements.in -o requirements.txt
	$(PY) -m uv pip compile -q --no-emit-index-url --universal --python-version 3.11 requirements-dev.in -o requirements-dev.txt

$(VENV)/installed: requirements.txt | $(VENV)/bin/python
	@$(call install,-r requirements.txt)
	@touch "$@"

$(VENV)/installed-dev: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	@$(call install,-r requirements.txt -r requirements-dev.txt)
	@touch "$@" "$(VENV)/installed"

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found: install it, or name it with make PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -m venv "$(VENV)" || { rm -rf "$(VENV)"; \
		echo "$(PYTHON) can't make a virtual environment: install its venv module (Debian: apt install python3-venv)." >&2; exit 1; }

# The console is tested in a real browser: the system's, or Playwright's own where Debian's can't be installed.
have-browser = command -v chromium chromium-browser google-chrome >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	     apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	|| $(PY) -m playwright install chromium >/dev/null 2>&1 \
	|| echo "No Chromium here, and none can be had: the browser tests will fail. Install it (Debian: apt install chromium)." >&2

# uv installs in seconds what takes pip minutes. Without it, or where it can't (it trusts no certificates of a company's
# own), pip does.
install = echo "Installing the pinned requirements into $(VENV) ..."; \
	$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null; \
	$(PY) -m uv --version >/dev/null 2>&1 || $(PY) -m pip install -q --disable-pip-version-check uv >/dev/null 2>&1 || true; \
	{ $(PY) -m uv --version >/dev/null 2>&1 && $(PY) -m uv pip install -q --python $(PY) $(1); } \
	|| $(PY) -m pip install -q --disable-pip-version-check $(1) \
	|| { echo "The requirements can't be installed: see the lines above; a package index must be reachable." >&2; exit 1; }
