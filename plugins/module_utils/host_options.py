"""The arguments of slipway.core.host_release, and how they become the description of a release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .host_plan import Gate, HealthCheck, Wanted
from .host_survey import Desired
from .traefik import Certificate, Proxy, Route

Json = dict[str, Any]

_HEALTH_CHECK: Json = {
    "path": {"type": "str"},
    "command": {"type": "list", "elements": "str"},
    "interval": {"type": "float", "default": 5},
    "timeout": {"type": "float", "default": 2},
    "retries": {"type": "int", "default": 3},
    "start_period": {"type": "float", "default": 30},
}
_VOLUME: Json = {
    "name": {"type": "str"},
    "source": {"type": "str"},
    "path": {"type": "str", "required": True},
    "read_only": {"type": "bool", "default": False},
}
_PUBLISH: Json = {"address": {"type": "str", "required": True}, "port": {"type": "int", "required": True}}
_GATE: Json = {
    "name": {"type": "str", "required": True},
    "command": {"type": "list", "elements": "str", "required": True},
    "timeout": {"type": "float", "default": 600},
}
_CONTAINER: Json = {
    "service": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "replicas": {"type": "int", "default": 1},
    "command": {"type": "list", "elements": "str"},
    "environment": {"type": "dict", "default": {}},
    "user": {"type": "str"},
    "read_only": {"type": "bool", "default": True},
    "tmpfs": {"type": "list", "elements": "str", "default": []},
    "capabilities": {"type": "list", "elements": "str", "default": []},
    "cpu": {"type": "int", "default": 0},
    "memory": {"type": "int", "default": 0},
    "pids_limit": {"type": "int", "default": 512},
    "port": {"type": "int"},
    "health_check": {
        "type": "dict",
        "options": _HEALTH_CHECK,
        "mutually_exclusive": [["path", "command"]],
        "required_one_of": [["path", "command"]],
    },
    "volumes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": _VOLUME,
        "mutually_exclusive": [["name", "source"]],
        "required_one_of": [["name", "source"]],
    },
    "stop_timeout": {"type": "int", "default": 30},
    "extra_hosts": {"type": "dict", "default": {}},
    "publish": {"type": "list", "elements": "dict", "default": [], "options": _PUBLISH},
    "singleton": {"type": "bool", "default": False},
    "init": {"type": "bool", "default": True},
    "depends_on": {"type": "list", "elements": "str", "default": []},
    "gates": {"type": "list", "elements": "dict", "default": [], "options": _GATE},
}
_ROUTE: Json = {
    "service": {"type": "str", "required": True},
    "paths": {"type": "list", "elements": "str", "default": ["/*"]},
    "host": {"type": "str"},
    "priority": {"type": "int", "default": 1000},
}
_CERTIFICATE: Json = {
    "email": {"type": "str", "required": True},
    "domains": {"type": "list", "elements": "str", "required": True},
    "ca_server": {"type": "str"},
    "ca_file": {"type": "str"},
}
_PROXY: Json = {
    "image": {"type": "str", "required": True},
    "http_port": {"type": "int", "default": 80},
    "https_port": {"type": "int"},
    "trusted_ips": {"type": "list", "elements": "str", "default": []},
    "arguments": {"type": "list", "elements": "str", "default": []},
    "certificate": {"type": "dict", "options": _CERTIFICATE},
}
ARGUMENT_SPEC: Json = {
    "app": {"type": "str", "required": True},
    "release": {"type": "str", "default": "release"},
    "state": {"type": "str", "choices": ["present", "returned", "absent"], "default": "present"},
    "base": {"type": "str", "default": ""},
    "remove_volumes": {"type": "bool", "default": False},
    "containers": {"type": "list", "elements": "dict", "default": [], "options": _CONTAINER},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "registry_auth": {"type": "dict", "default": {}, "no_log": True},
    "routes": {"type": "list", "elements": "dict", "default": [], "options": _ROUTE},
    "proxy": {"type": "dict", "options": _PROXY},
    "drain_timeout": {"type": "float", "default": 30},
    "health_timeout": {"type": "float", "default": 120},
    "keep_images": {"type": "int", "default": 3},
    "config_dir": {"type": "str", "default": "/etc/slipway"},
    "docker_socket": {"type": "str", "default": "/var/run/docker.sock"},
}


def desired(params: Mapping[str, Any]) -> Desired:
    """Return the description of a release from validated module arguments."""
    return Desired(
        app=params["app"],
        release=params["release"],
        containers=[_wanted(container) for container in params["containers"]],
        routes=[Route(**route) for route in params["routes"]],
        proxy=_proxy(params["proxy"]) if params["proxy"] else None,
        secrets={service: _environment(values or {}) for service, values in params["secrets"].items()},
        registry_auth=params["registry_auth"],
        drain_timeout=params["drain_timeout"],
        health_timeout=params["health_timeout"],
        keep_images=params["keep_images"],
        config_dir=params["config_dir"],
        base=params["base"],
    )


def _wanted(container: Mapping[str, Any]) -> Wanted:
    check = container["health_check"]
    return Wanted(
        **{
            **container,
            "environment": _environment(container["environment"]),
            "health_check": HealthCheck(**check) if check else None,
            "gates": [Gate(**gate) for gate in container["gates"]],
        }
    )


def _proxy(proxy: Mapping[str, Any]) -> Proxy:
    certificate = proxy["certificate"]
    return Proxy(**{**proxy, "certificate": Certificate(**certificate) if certificate else None})


def _environment(values: Mapping[str, Any]) -> dict[str, str]:
    """Write values as a process reads them; a boolean as YAML and JSON spell it."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()
    }
