"""Alarms of CloudWatch."""

from collections.abc import Callable

from ministack.services import cloudwatch

from lab.conformance.around import Parameters, Record, Response, around
from lab.settings import Settings

# What MiniStack fills in for an alarm on one metric, wrong for one over several.
FILLED_IN = ("Period", "Statistic")


def alarms_are_what_they_were_given(_settings: Settings) -> None:
    """An alarm may be over several metrics: DescribeAlarms gives them, and no member that was not set."""

    @around(cloudwatch, "_put_metric_alarm")
    def put(
        original: Callable[..., Response],
        params: Parameters,
        given: Record,
        is_cbor: bool,
        is_json: bool = False,
    ) -> Response:
        answer = original(params, given, is_cbor, is_json)
        # A refused one is not there; the query protocol, which no SDK of today speaks, gives no mapping.
        alarm = cloudwatch._alarms.get(given.get("AlarmName", ""))
        if alarm is not None:
            for name in FILLED_IN:
                if name not in given:
                    alarm.pop(name, None)
            alarm.update({name: value for name, value in given.items() if name not in ("AlarmName", "Tags")})
        return answer
