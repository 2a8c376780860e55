"""What the ECS modules share: tags, short names, pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

# DescribeServices takes at most this many services, DescribeTasks this many tasks.
SERVICES_AT_ONCE = 10
TASKS_AT_ONCE = 100
# Requests that take one thing each are made beside each other, this many at a time: more would meet the
# limits of most APIs.
REQUESTS_AT_ONCE = 8


class EcsError(Exception):
    """Something that cannot be as it is wanted, worded for the operator."""


@dataclass(frozen=True)
class TagChange:
    """What makes the tags of a resource those wanted."""

    put: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.put or self.remove)


def tag_change(wanted: Mapping[str, str] | None, actual: Mapping[str, str]) -> TagChange:
    """What to do to tags. Those wanted are all there shall be but for AWS's own; None leaves them alone."""
    if wanted is None:
        return TagChange()
    put = {key: value for key, value in sorted(wanted.items()) if actual.get(key) != value}
    return TagChange(put, tuple(sorted(key for key in actual if key not in wanted and not _aws(key))))


def tags_after(wanted: Mapping[str, str] | None, actual: Mapping[str, str]) -> dict[str, str]:
    """The tags that there are after :func:`tag_change` was done."""
    if wanted is None:
        return dict(actual)
    return {**{key: value for key, value in actual.items() if _aws(key)}, **wanted}


def without_aws(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that can be set: those that AWS itself sets are refused in requests."""
    return {key: value for key, value in tags.items() if not _aws(key)}


def _aws(key: str) -> bool:
    return key.lower().startswith("aws:")


def to_tags(pairs: Mapping[str, str]) -> list[Any]:
    """Write tags as the ECS API does."""
    return [{"key": key, "value": value} for key, value in sorted(pairs.items())]


def from_tags(tags: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Read tags as the ECS API writes them."""
    return {tag["key"]: tag.get("value", "") for tag in tags}


def retag(client: Any, arn: str, change: TagChange) -> None:
    """Change the tags of a resource (TagResource, UntagResource)."""
    if change.put:
        client.tag_resource(resourceArn=arn, tags=to_tags(change.put))
    if change.remove:
        client.untag_resource(resourceArn=arn, tagKeys=list(change.remove))


def short_name(task_definition: str) -> str:
    """``family:revision`` of a task definition, of which that or the ARN is given."""
    return task_definition.rsplit("/", 1)[-1]


def batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Split a list into parts of at most a size."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def log_options(container: Mapping[str, Any]) -> Mapping[str, str]:
    """Options of a container definition's awslogs driver; none where it logs elsewhere."""
    configuration = container.get("logConfiguration", {})
    found: Mapping[str, str] = configuration.get("options", {})
    return found if configuration.get("logDriver") == "awslogs" else {}
