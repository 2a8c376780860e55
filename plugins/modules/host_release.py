#!/usr/bin/python
"""Release an application on a Docker host; the action does all of it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_release
short_description: Release an application on one Docker host without losing a request
description:
  - Brings the containers, network, volumes and proxy of one application on one host to a description of them.
  - Compares every setting with what runs, and replaces only what differs. New containers start beside the
    old ones and become healthy, first by themselves and then through the proxy; one write switches all
    routes; the old ones are drained, stopped and removed.
  - When anything fails before the switch, all new containers are removed and the old ones keep serving; the
    error names the cause, the evidence and what to do.
  - What served when the release O(base) had ended is stopped and kept, until a release on another base
    has replaced it. O(state=returned) brings exactly these containers and routes back, also after a run that
    was killed, and needs neither registry nor secrets for it.
  - A service with O(containers[].singleton=true) or O(containers[].publish) is stopped before its successor
    starts; if that one fails, the old one is started again.
  - Speaks to the Docker Engine's HTTP API on its socket; needs nothing on the host but Python 3.9 and root.
options:
  app:
    description:
      - The application's name, which is its network's too. What is its own carries the label C(slipway.app).
    type: str
    required: true
  release:
    description:
      - An identifier of the release for the names of containers. It is never compared, so another one alone
        changes nothing.
    type: str
    default: release
  state:
    description:
      - V(present) brings the host to the description.
      - V(returned) brings back what served when the release O(base) had ended, and changes nothing where
        nothing has moved since. Of the other options it uses O(app), O(drain_timeout), O(health_timeout) and
        O(config_dir).
      - V(absent) removes all of the application from the host; its volumes only with O(remove_volumes).
    type: str
    choices: [present, returned, absent]
    default: present
  base:
    description: The identifier of the last release that became whole on all hosts; empty where none did.
    type: str
    default: ""
  remove_volumes:
    description: Whether O(state=absent) removes the application's volumes, and so its data.
    type: bool
    default: false
  containers:
    description: The services that run on this host, in the order in which they start.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: The service's name. Its containers answer to it on the application's network.
        type: str
        required: true
      image:
        description: The image, best by digest.
        type: str
        required: true
      replicas:
        description: How many containers of it run on this host.
        type: int
        default: 1
      command:
        description: The command; the image's own when absent.
        type: list
        elements: str
      environment:
        description: Environment variables. Values of secrets belong into O(secrets).
        type: dict
        default: {}
      user:
        description: User and group (C(uid[:gid])); the image's own when absent.
        type: str
      read_only:
        description: Whether the root file system is read-only.
        type: bool
        default: true
      tmpfs:
        description: Directories in memory that are writable.
        type: list
        elements: str
        default: []
      capabilities:
        description: Linux capabilities given back after all have been dropped.
        type: list
        elements: str
        default: []
      cpu:
        description: CPU limit in CPU units, 1024 of which are one CPU; 0 is none.
        type: int
        default: 0
      memory:
        description: Memory limit in MiB, swap included; 0 is none.
        type: int
        default: 0
      pids_limit:
        description: The most processes and threads.
        type: int
        default: 512
      port:
        description: The port that it listens on.
        type: int
      health_check:
        description: How it shows that it is ready. Without one it counts as ready after two seconds.
        type: dict
        suboptions:
          path:
            description: An HTTP path that answers 200 to 399, asked from the host.
            type: str
          command:
            description: A command in the container that ends with 0, run by the Engine.
            type: list
            elements: str
          interval:
            description: Seconds between two checks. One that starts is asked more often until it is healthy.
            type: float
            default: 5
          timeout:
            description: Seconds after which a check has failed.
            type: float
            default: 2
          retries:
            description: Failures in a row that make it unhealthy.
            type: int
            default: 3
          start_period:
            description: Seconds in which it may still be starting.
            type: float
            default: 30
      volumes:
        description: What is mounted into it.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of a volume of the application. It is made where it is missing, and kept.
            type: str
          source:
            description: A path of the host, in place of O(containers[].volumes[].name).
            type: str
          path:
            description: Where it is mounted in the container.
            type: str
            required: true
          read_only:
            description: Whether the container may only read it.
            type: bool
            default: false
      stop_timeout:
        description: Seconds between SIGTERM and SIGKILL.
        type: int
        default: 30
      extra_hosts:
        description: Names and addresses for its C(/etc/hosts).
        type: dict
        default: {}
      publish:
        description: Addresses and ports of the host on which its port is published past the proxy.
        type: list
        elements: dict
        default: []
        suboptions:
          address:
            description: The host's address.
            type: str
            required: true
          port:
            description: The host's port.
            type: int
            required: true
      singleton:
        description: Whether two of it must never run at once, as when it keeps data on a volume.
        type: bool
        default: false
      init:
        description: Whether an init process reaps children and passes signals on.
        type: bool
        default: true
      depends_on:
        description: Services of this list that must be healthy before it starts.
        type: list
        elements: str
        default: []
      gates:
        description:
          - Commands that must end well before new containers of it start, one after another, each in a
            container of the new image with the new environment and secrets, without ports and volumes.
          - What has passed is not run again until image, environment, secrets or command are other ones.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The gate's name.
            type: str
            required: true
          command:
            description: The command.
            type: list
            elements: str
            required: true
          timeout:
            description: Seconds that it may take.
            type: float
            default: 600
  secrets:
    description:
      - Environment variables whose values are never shown, by service.
      - They are compared like all others, so a changed secret is released.
    type: dict
    default: {}
  registry_auth:
    description: Logins by registry, each with C(username) and C(password). They are stored nowhere.
    type: dict
    default: {}
  routes:
    description: Which requests go to which service.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: The service.
        type: str
        required: true
      paths:
        description: Paths, exact or ending in V(*).
        type: list
        elements: str
        default: ["/*"]
      host:
        description: The host name that the request must name; any when absent.
        type: str
      priority:
        description: The lowest is looked at first.
        type: int
        default: 1000
  proxy:
    description: The proxy in front of the services, a Traefik. None is run when absent.
    type: dict
    suboptions:
      image:
        description: The image, whose entry point takes Traefik's options.
        type: str
        required: true
      http_port:
        description: The host's port for HTTP.
        type: int
        default: 80
      https_port:
        description: The host's port for HTTPS, when there is a certificate; 443 when absent.
        type: int
      trusted_ips:
        description: Addresses and networks whose C(X-Forwarded-) headers are believed, as a load balancer's.
        type: list
        elements: str
        default: []
      arguments:
        description: Further options for Traefik's command line.
        type: list
        elements: str
        default: []
      certificate:
        description: An automatic certificate over ACME's HTTP challenge. HTTP is then redirected to HTTPS.
        type: dict
        suboptions:
          email:
            description: The address that the authority writes to.
            type: str
            required: true
          domains:
            description: The names in the certificate.
            type: list
            elements: str
            required: true
          ca_server:
            description: The authority's ACME directory; Let's Encrypt's when absent.
            type: str
          ca_file:
            description: A file on the host with the certificates by which the ACME server is trusted.
            type: str
  drain_timeout:
    description: Seconds after which an old container is stopped even though it still has connections.
    type: float
    default: 30
  health_timeout:
    description: The most seconds that a new container may take to become healthy.
    type: float
    default: 120
  keep_images:
    description: How many images of each repository in use stay on the host.
    type: int
    default: 3
  application:
    description:
      - What O(containers), O(secrets) and O(routes) are rendered from, in their place.
      - C(services), by name as the model describes them; C(images), as M(slipway.core.app_images) returns
        them; C(secrets), the values by service and name; C(hosts), the names of all hosts;
        C(inventory_hostname), this one's; C(private_addresses), where there are several the first one's
        by its name.
    type: dict
    default: {}
  kept_in:
    description:
      - Where to keep, when nothing differs, what there is on the host and what it is to be, a file on the
        controller for this host alone. Of secrets it has nothing but a costly digest.
        M(slipway.core.host_releases) compares it.
    type: path
    default: ""
  config_dir:
    description: The directory on the host below which the proxy's files are kept.
    type: str
    default: /etc/slipway
  docker_socket:
    description: The Docker Engine's socket.
    type: str
    default: /var/run/docker.sock
attributes:
  check_mode:
    description: Says what would change, and changes nothing. Pulls nothing either.
    support: full
  diff_mode:
    description: Shows every setting that changes, one a line. Of secrets it shows only that they change.
    support: full
author:
  - The Slipway authors
"""

EXAMPLES = r"""
- name: Release the goals application on this host
  slipway.core.host_release:
    app: goals
    release: 3f2a9c1
    containers:
      - service: backend
        image: registry.example.com/goals/backend@sha256:0d6c1f0c1a...
        port: 8000
        memory: 256
        environment:
          LOG_LEVEL: info
        health_check:
          path: /health
    secrets:
      backend:
        MONGODB_URL: "{{ mongodb_url }}"
    routes:
      - service: backend
        paths: ["/api/*"]
    proxy:
      image: traefik:v3.7

- name: Bring back what served before, after a release that failed on another host
  slipway.core.host_release:
    app: goals
    state: returned
    base: 20261123-031500-3f2a91

- name: Remove the application, but keep its data
  slipway.core.host_release:
    app: goals
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, in words.
  returned: success
  type: list
  elements: str
  sample: ["start goals-backend-3f2a9c1-1", "remove goals-backend-77b0d13-1", "switch the routes"]
services:
  description: For each service whether it changed, which containers serve now, and why it changed.
  returned: success
  type: dict
  sample:
    backend:
      changed: true
      containers: [goals-backend-3f2a9c1-1]
      reasons: [goals-backend-77b0d13-1 differs in image]
drained:
  description: For each old container how many seconds its connections took to end, and how many were cut off.
  returned: success
  type: list
  elements: dict
  sample:
    - container: goals-backend-77b0d13-1
      seconds: 2.4
      connections_left: 0
timeline:
  description:
    - What was seen of containers, health checks, routes and connections, each when it changed, with the
      seconds since the start. The last entry says how it ended.
  returned: always
  type: list
  elements: dict
  sample:
    - seconds: 0.6
      state: in_progress
      detail: "goals-backend-3f2a9c1-1: connection refused"
found:
  description:
    - What there is of the application on a host that is as described, in C(answer), and the C(question) by
      which that is seen. The action keeps both, where it is told to, and returns neither.
  returned: when nothing differs
  type: dict
gates:
  description: Of each gate service, task, exit code, seconds, last lines, and whether it had passed before.
  returned: always
  type: list
  elements: dict
  sample:
    - service: backend
      task: migrate
      exit_code: 0
      seconds: 3.1
      log: ["2 migrations applied"]
      passed: true
      skipped: false
failure:
  description: The cause class, the evidence and the remedy of a release that failed.
  returned: failure
  type: dict
  sample:
    cause: start_crash
    summary: backend ended with exit code 3 while it started
    service: backend
    container: goals-backend-3f2a9c1-1
    exit_code: 3
    evidence: []
    log: ["Error: MONGODB_URL is not set"]
    serving: "the containers of before (goals-backend-77b0d13-1)."
    remedy: Run the image with the same environment locally; the log lines above are the container's own.
"""
