#!/usr/bin/env bash
# Every linter, every finding an error; the cheap ones first.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

step() { printf '==> %s\n' "$1"; }

mapfile -t scripts < <(git ls-files -co --exclude-standard '*.sh' .ci/run)
mapfile -t dockerfiles < <(git ls-files -co --exclude-standard '*Dockerfile*' ':!*.dockerignore')

step ruff && ruff check --quiet && ruff format --check --quiet
step shellcheck && shellcheck "${scripts[@]}"
step hadolint && hadolint "${dockerfiles[@]}"
step yamllint && yamllint --strict .
step "roles' READMEs, defaults and argument specs" && python tools/role_docs.py --check
step mypy && mypy plugins tools tests bench lab molecule
step ansible-lint && ansible-lint --offline --strict -q
