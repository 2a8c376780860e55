"""What AWS does with alarms: one check for each patch of CloudWatch."""

from tests.lab.cloud import Cloud


def alarms_are_what_they_were_given(cloud: Cloud) -> None:
    name = cloud.name()
    metrics = [
        {"Id": "difference", "Expression": "whole - part", "ReturnData": True},
        *(
            {
                "Id": each,
                "MetricStat": {
                    "Metric": {"Namespace": "check", "MetricName": each, "Dimensions": []},
                    "Period": 60,
                    "Stat": "Average",
                },
                "ReturnData": False,
            }
            for each in ("whole", "part")
        ),
    ]
    given = {"EvaluationPeriods": 3, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    cloud.cloudwatch.put_metric_alarm(AlarmName=name, Metrics=metrics, **given)
    (alarm,) = cloud.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert alarm.get("Metrics") == metrics
    assert not {"Period", "Statistic"} & {key for key, value in alarm.items() if value is not None}
