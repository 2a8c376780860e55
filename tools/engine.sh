#!/usr/bin/env bash
# Installs and starts a Docker engine on this machine, by the project's own role, where none answers.
set -euo pipefail
cd "$(dirname "$0")/.."

engine_answers() { .venv/bin/python -c 'import docker; docker.from_env(timeout=10).ping()' 2>/dev/null; }

engine_answers && exit 0

echo "No Docker engine answers on this machine."
if [[ ${CI:-} != true && -t 0 ]]; then
  read -r -p "Install and start one now (role docker_engine)? [Y/n] " answer
  [[ ${answer:-y} == [Yy]* ]] || { echo "Start an engine, then run this again." >&2; exit 1; }
fi
echo "==> Installing and starting a Docker engine"
.venv/bin/ansible-playbook playbooks/engine.yml -i inventories/dev
engine_answers || { echo "The engine was started but does not answer: see /var/log/docker.log or 'journalctl -u docker'." >&2; exit 1; }
# So that `make demo-down` stops what this started, and nothing else.
mkdir -p .lab && touch .lab/engine-is-ours
