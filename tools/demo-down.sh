#!/usr/bin/env bash
# Removes every trace of the demo: containers, networks, volumes, processes, state. Caches stay: .venv, lab/.venv, .cache
# and the base images; `make clean` removes these as well.
set -euo pipefail
cd "$(dirname "$0")/.."

[[ -x lab/.venv/bin/python ]] && lab/.venv/bin/python -m lab down
rm -rf .slipway/local
if [[ -e .lab/engine-is-ours ]]; then
  echo "==> Stopping the Docker engine that 'make engine' started"
  .venv/bin/ansible-playbook playbooks/engine.yml -i inventories/dev -e docker_engine_state=stopped
  rm -f .lab/engine-is-ours
fi
rm -rf .lab
