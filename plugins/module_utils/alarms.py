"""The alarms of a stack and whom they tell: what differs from the description, and the calls that mend it.

Rests on CloudWatch: DescribeAlarms, PutMetricAlarm, which replaces the whole alarm, DeleteAlarms; and on SNS:
CreateTopic, Subscribe, Unsubscribe, DeleteTopic. amazon.aws.cloudwatch_metric_alarm changes an alarm over
several metrics on every run, and knows neither tags nor alarms that are there no more;
community.aws.sns_topic fails in a plan without its topic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from .aws_shapes import Rules, coerced, faults, normal
from .ecs_api import TagChange, batches, from_tags, tag_change, tags_after, to_tags

if TYPE_CHECKING:
    from botocore.model import StructureShape

RULES = Rules(
    sets={
        "AlarmActions": "",
        "Dimensions": "Name",
        "InsufficientDataActions": "",
        "Metrics": "Id",
        "Metrics.MetricStat.Metric.Dimensions": "Name",
        "OKActions": "",
    },
    defaults={
        "ActionsEnabled": True,
        "AlarmDescription": "",
        "Metrics.ReturnData": True,
        "TreatMissingData": "missing",
    },
)
# Members of PutMetricAlarm that are not an alarm's description.
OWN = ("AlarmActions", "AlarmName", "InsufficientDataActions", "OKActions", "Tags")
# DeleteAlarms takes at most this many.
ALARMS_AT_ONCE = 100

Described = Mapping[str, Mapping[str, Any]]


class AlarmError(Exception):
    """Something that cannot be as it is wanted, worded for the operator."""


class Alarms:
    """The alarms whose names begin with that of a stack and a slash, and the topic by which they tell.

    :param cloudwatch: client of CloudWatch
    :param sns: client of SNS
    :param account: id of the AWS account
    """

    def __init__(self, cloudwatch: Any, sns: Any, stack: str, account: str) -> None:
        self.cloudwatch = cloudwatch
        self.sns = sns
        self.prefix = f"{stack}/"
        self.topic = (
            f"arn:{cloudwatch.meta.partition}:sns:{cloudwatch.meta.region_name}:{account}:{stack}-alarms"
        )
        operation = cloudwatch.meta.service_model.operation_model("PutMetricAlarm")
        self.shape = cast("StructureShape", operation.input_shape)

    def find(self) -> dict[str, dict[str, Any]]:
        """The alarms by name, as DescribeAlarms has them."""
        pages = self.cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=self.prefix, AlarmTypes=["MetricAlarm"]
        )
        return {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}

    def normalised(self, alarm: Mapping[str, Any]) -> dict[str, Any]:
        """The form of an alarm in which equals are equal."""
        form = normal(coerced(alarm, self.shape), self.shape, RULES)
        return {name: value for name, value in form.items() if name not in ("AlarmName", "Tags")}

    def checked(self, given: Described, topics: list[str]) -> dict[str, dict[str, Any]]:
        """Give the alarms by their whole names with whom they tell, or name all that is wrong with them.

        :raises AlarmError: with one line for each fault
        """
        found = [
            f"{name}: expected a mapping" for name, each in given.items() if not isinstance(each, Mapping)
        ]
        typed = {name: coerced(each, self.shape) for name, each in given.items() if isinstance(each, Mapping)}
        for name, each in typed.items():
            found += [f"{name}: {own} is not a field of it here" for own in OWN if own in each]
            found += [f"{name}: {fault}" for fault in faults({**each, "AlarmName": name}, self.shape)]
        if found:
            lines = "\n".join(f"  {each}" for each in found)
            raise AlarmError(f"The alarms {self.prefix}* are not what AWS takes:\n{lines}")
        return {f"{self.prefix}{name}": {**each, **_told(each, topics)} for name, each in typed.items()}

    def tags(self, arn: str) -> dict[str, str]:
        """Tags of an alarm or of the topic."""
        if arn == self.topic:
            found = self.sns.list_tags_for_resource(ResourceArn=arn)
        else:
            found = self.cloudwatch.list_tags_for_resource(ResourceARN=arn)
        return from_tags([{"key": tag["Key"], "value": tag["Value"]} for tag in found["Tags"]])

    def put(self, name: str, alarm: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Make an alarm with its tags, or change one; tags are then no part of it."""
        self.cloudwatch.put_metric_alarm(
            AlarmName=name, **alarm, **({"Tags": _to_tags(tags)} if tags else {})
        )

    def remove(self, names: list[str]) -> None:
        """Remove alarms."""
        for batch in batches(names, ALARMS_AT_ONCE):
            self.cloudwatch.delete_alarms(AlarmNames=batch)

    def retag(self, arn: str, change: TagChange) -> None:
        """Change the tags of an alarm or of the topic."""
        client, key = (self.sns, "ResourceArn") if arn == self.topic else (self.cloudwatch, "ResourceARN")
        if change.put:
            client.tag_resource(**{key: arn}, Tags=_to_tags(change.put))
        if change.remove:
            client.untag_resource(**{key: arn}, TagKeys=list(change.remove))

    def subscriptions(self) -> dict[str, str] | None:
        """E-mail addresses that the topic tells, with their subscriptions' ARNs; None without a topic."""
        try:
            pages = list(self.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self.topic))
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"NotFound", "NotFoundException"}:
                raise
            return None
        return {
            each["Endpoint"]: each["SubscriptionArn"]
            for page in pages
            for each in page["Subscriptions"]
            if each["Protocol"] == "email"
        }

    def tell(self, addresses: list[str], actual: Mapping[str, str] | None, tags: Mapping[str, str]) -> None:
        """Have a topic that tells these addresses and no others; no topic where there are none."""
        if not addresses:
            if actual is not None:
                self.sns.delete_topic(TopicArn=self.topic)
            return
        if actual is None:
            name = self.topic.rpartition(":")[2]
            self.sns.create_topic(Name=name, **({"Tags": _to_tags(tags)} if tags else {}))
        there = actual or {}
        for address in addresses:
            if address not in there:
                self.sns.subscribe(TopicArn=self.topic, Protocol="email", Endpoint=address)
        for address in _surplus(addresses, there):
            self.sns.unsubscribe(SubscriptionArn=there[address])


def converge(
    alarms: Alarms,
    given: Described,
    notify: list[str],
    tags: Mapping[str, str] | None,
    *,
    check_mode: bool,
) -> dict[str, Any]:
    """Make alarms and topic as described; give changed, what was written or removed, and the diff.

    :param notify: e-mail addresses, and ARNs of topics
    :param tags: of alarms and topic; None leaves them alone
    """
    addresses = sorted({each for each in notify if not each.startswith("arn:")})
    topics = [*([alarms.topic] if addresses else []), *(each for each in notify if each.startswith("arn:"))]
    typed = alarms.checked(given, topics)
    wanted = {name: alarms.normalised(each) for name, each in sorted(typed.items())}
    found = alarms.find()
    are = {name: alarms.normalised(each) for name, each in found.items()}
    told = alarms.subscriptions()
    surplus = sorted(set(are) - set(wanted))
    differing = [name for name, each in wanted.items() if each != are.get(name)]
    retold = _retold(addresses, told)
    # What is there and stays, with its tags.
    arns = {name: found[name]["AlarmArn"] for name in wanted if name in found}
    arns |= {"topic": alarms.topic} if addresses and told is not None else {}
    were = {name: alarms.tags(arn) for name, arn in arns.items()} if tags is not None else {}
    retagged = {name: change for name, each in were.items() if (change := tag_change(tags, each))}
    if not check_mode:
        if retold:
            alarms.tell(addresses, told, tags or {})
        alarms.remove(surplus)
        for name in differing:
            alarms.put(name, typed[name], (tags or {}) if name not in are else {})
        for name, change in retagged.items():
            alarms.retag(arns[name], change)
    updated = sorted({*surplus, *differing, *retagged, *(["topic"] if retold else [])})
    return {
        "changed": bool(updated),
        "updated": updated,
        "diff": {
            "before": _shown(are, told, were),
            "after": _shown(
                wanted,
                dict.fromkeys(addresses, "") or None,
                {}
                if tags is None
                else {name: tags_after(tags, were.get(name, {})) for name in [*wanted, "topic"]},
            ),
        },
    }


def _retold(addresses: list[str], told: Mapping[str, str] | None) -> bool:
    """Tell whether the topic has to be made or removed, or to tell others than it does."""
    if not addresses or told is None:
        return bool(addresses) or told is not None
    return bool(set(addresses) - set(told) or _surplus(addresses, told))


def _told(alarm: Mapping[str, Any], topics: list[str]) -> dict[str, list[str]]:
    """Who is told that it rings, that it is over, and, where that says something, that it is silent."""
    told = ["AlarmActions", "OKActions"]
    if alarm.get("TreatMissingData", "missing") == "missing":
        told.append("InsufficientDataActions")
    return {action: topics for action in told if topics}


def _surplus(addresses: list[str], there: Mapping[str, str]) -> list[str]:
    """Addresses that are to be told no more. Who has not confirmed has no ARN yet, and goes by itself."""
    return [name for name, arn in sorted(there.items()) if name not in addresses and arn.startswith("arn:")]


def _shown(
    alarms: Mapping[str, Any], told: Mapping[str, str] | None, tags: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    def tagged(name: str, each: Mapping[str, Any]) -> dict[str, Any]:
        return {**each, **({"Tags": dict(tags[name])} if tags.get(name) else {})}

    found: dict[str, Any] = {name: tagged(name, each) for name, each in alarms.items()}
    return found if told is None else {**found, "topic": tagged("topic", {"told": sorted(told)})}


def _to_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": tag["key"], "Value": tag["value"]} for tag in to_tags(tags)]
