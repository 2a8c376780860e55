"""Requests on their way through a load balancer."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.core.responses import StreamingResponse
from ministack.services import alb

from lab.conformance import elb_probe
from lab.conformance.around import Record, Response, around
from lab.conformance.elb_targets import HEALTH, IN_FLIGHT, key_of
from lab.settings import Settings

Forward = Callable[..., Awaitable[Response]]

_turn = itertools.count()


def instance_targets_are_reached_at_their_address(_settings: Settings) -> None:
    """A target that is an instance receives its requests at the instance's private address."""

    @around(alb, "_proxy_http_target")
    async def at_its_address(
        original: Forward, target: Record, group: Record, *args: Any, **named: Any
    ) -> Response:
        address = elb_probe.address_of(target["Id"])
        return await original({**target, "Id": address or target["Id"]}, group, *args, **named)


def requests_go_to_healthy_targets(_settings: Settings) -> None:
    """Requests go to healthy targets; to all if none is healthy; never to a draining one."""

    @around(alb, "_forward_to_tg")
    async def to_healthy(original: Forward, arn: str, *args: Any) -> Response:
        group = alb._tgs.get(arn)
        if group is None or group["TargetType"] not in ("instance", "ip"):
            return await original(arn, *args)
        registered = [target for target in alb._targets.get(arn, []) if "DrainingUntil" not in target]
        healthy = [each for each in registered if _state(group, each) == "healthy"]
        candidates = healthy or registered
        if not candidates:
            return 503, {"Content-Type": "text/html"}, b"503 Service Temporarily Unavailable"
        target = candidates[next(_turn) % len(candidates)]
        return await _counted(group, target, args)


def _state(group: Record, target: Record) -> str:
    health = HEALTH.get(key_of(group, target))
    return health.state if health else "healthy"


async def _counted(group: Record, target: Record, request: tuple[Any, ...]) -> Response:
    """Proxy one request; it is in flight until the last byte of its answer has left."""
    method, path, headers, body, query, raw_query, raw_path = request
    key = key_of(group, target)
    IN_FLIGHT[key] = IN_FLIGHT.get(key, 0) + 1
    streaming = False
    try:
        status, answer_headers, content = await alb._proxy_http_target(
            target, group, method, raw_path or path, headers, body, query, raw_query
        )
        streaming = isinstance(content, StreamingResponse)
    finally:
        if not streaming:
            IN_FLIGHT[key] -= 1
    if not streaming:
        return status, answer_headers, content

    async def run(send: Any, receive: Any) -> None:
        try:
            await content.runner(send, receive)
        finally:
            IN_FLIGHT[key] -= 1

    return status, answer_headers, StreamingResponse(run)
