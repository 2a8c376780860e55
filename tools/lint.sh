#!/usr/bin/env bash
# Every linter, every finding an error.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

step() { printf '==> %s\n' "$1"; }

mapfile -t scripts < <(git ls-files -co --exclude-standard '*.sh' .ci/run)
mapfile -t dockerfiles < <(git ls-files -co --exclude-standard '*Dockerfile*' ':!*.dockerignore')

# It takes longest, most of it to check the syntax of each playbook, for which no inventory has to be read.
findings=$(mktemp)
trap 'kill "$ansible_lint" 2>/dev/null || true; rm -f "$findings"' EXIT
ANSIBLE_INVENTORY=/dev/null ansible-lint --offline --strict -q >"$findings" 2>&1 &
ansible_lint=$!

step ruff
ruff check --quiet
ruff format --check --quiet
step shellcheck
shellcheck "${scripts[@]}"
step hadolint
hadolint "${dockerfiles[@]}"
step yamllint
yamllint --strict .
step "roles' READMEs, defaults and argument specs"
python tools/role_docs.py --check
step mypy
mypy plugins tools tests bench lab molecule roles
step ansible-lint
if ! wait "$ansible_lint"; then
  cat "$findings"
  exit 1
fi
