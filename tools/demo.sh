#!/usr/bin/env bash
# Deploys the sample application on the embedded cloud and says what to try next.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "==> ansible-playbook deploy.yml -i local"
.venv/bin/ansible-playbook deploy.yml -i local "$@"

url=$(.venv/bin/ansible localhost -i local -m ansible.builtin.debug -a 'msg={{ app_url }}' |
  sed -n "s/.*\(http[^\"' ]*\).*/\1/p" | head -n 1)
cat <<EOF

The goals application answers at

    $url

Try next, in another terminal or now (source .venv/bin/activate first):

    curl $url/goals                                        # the API, through the load balancer
    ansible-playbook deploy.yml -i local                   # again: nothing changes
    ansible-playbook deploy.yml -i local --check --diff    # the plan; changes nothing
    \$EDITOR examples/goals/backend/src/app.js              # change something, then deploy: no request is lost
    ansible app_hosts -i local -b -m ansible.builtin.command -a 'docker ps'
    make demo-down                                         # remove every trace

EOF
