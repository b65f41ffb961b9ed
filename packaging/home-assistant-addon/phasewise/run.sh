#!/bin/sh
# Starts Phasewise inside Home Assistant. Writes nothing: the first file is made by set-up, on the dashboard.
set -eu

folder="${PHASEWISE_FOLDER:-/config}"
options="${PHASEWISE_OPTIONS:-/data/options.json}"

log_level="$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get("log_level", "info"))' "$options" 2>/dev/null || echo info)"

# Home Assistant's proxy has this address in every installation; whose word it passes on is then believed.
exec phasewise run "$folder/phasewise.yaml" --log-level "$log_level" \
    --host 0.0.0.0 --port 8099 --trusted-proxy 172.30.32.2
