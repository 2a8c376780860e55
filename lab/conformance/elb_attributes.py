"""Attributes of load balancers."""

from collections.abc import Callable

from ministack.services import alb

from lab.conformance.around import Parameters, Response, around
from lab.settings import Settings

# Elastic Load Balancing, Application Load Balancers, "Load balancer attributes"; MiniStack knows three.
DEFAULTS = {
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
}


def load_balancers_have_every_attribute(_settings: Settings) -> None:
    """DescribeLoadBalancerAttributes gives every attribute, the ones never set with their defaults."""

    @around(alb, "_describe_lb_attrs")
    def with_defaults(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        attributes = alb._lb_attrs.get(alb._p(p, "LoadBalancerArn"))
        if attributes is not None:
            known = {each["Key"] for each in attributes}
            attributes += [
                {"Key": key, "Value": value} for key, value in DEFAULTS.items() if key not in known
            ]
        return original(p)
