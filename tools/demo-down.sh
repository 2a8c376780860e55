#!/usr/bin/env bash
# Removes every trace of the demo: containers, networks, volumes, processes, state, the application's images. Caches stay:
# .venv, lab/.venv, .cache and the base images; `make clean` removes these as well.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -x lab/.venv/bin/python ]]; then
  lab/.venv/bin/python -m lab down "$@"
  docker image ls --quiet --filter label=slipway.app=goals | sort -u | xargs --no-run-if-empty docker image rm --force >/dev/null
fi
rm -rf .slipway/goals-local .slipway/goals-finished
if [[ -e .lab/engine-is-ours ]]; then
  echo "==> Stopping the Docker engine that 'make engine' started"
  if [[ -d /run/systemd/system ]]; then
    systemctl stop docker.socket docker.service
  else
    start-stop-daemon --stop --quiet --oknodo --retry 30 --pidfile /var/run/docker.pid
  fi
  # The engine makes this one anew at each start, and leaves it.
  if ip link show docker0 >/dev/null 2>&1; then ip link delete docker0; fi
fi
rm -rf .lab
