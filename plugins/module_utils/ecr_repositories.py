"""ECR repositories as they should be, as they are, and the calls that make them equal.

community.aws.ecs_ecr is not used because its check mode fails for a repository that does not exist yet
when it has a lifecycle policy, and because it knows no tags.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_ecr import ECRClient

#: How many repositories are read at a time.
AT_ONCE = 8


@dataclass(frozen=True)
class Repository:
    """One repository's settings."""

    name: str
    immutable: bool
    scan_on_push: bool
    lifecycle: Mapping[str, Any] | None
    tags: Mapping[str, str]
    uri: str = field(default="", compare=False)
    arn: str = field(default="", compare=False)

    def shown(self) -> dict[str, Any]:
        """Give the settings for a diff."""
        return {key: value for key, value in asdict(self).items() if key not in ("uri", "arn")}


def keep_newest(count: int) -> dict[str, Any]:
    """Give the lifecycle policy that keeps so many images."""
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": f"Keep the newest {count} images",
                "selection": {
                    "tagStatus": "any",
                    "countType": "imageCountMoreThan",
                    "countNumber": count,
                },
                "action": {"type": "expire"},
            }
        ]
    }


class Repositories:
    """The repositories of one account and region."""

    def __init__(self, client: ECRClient) -> None:
        self._client = client
        # A client makes them when they are first asked for, and two threads would make two of each.
        self._errors = client.exceptions

    def actual(self, name: str) -> Repository | None:
        """Read a repository; None where there is none."""
        try:
            (found,) = self._client.describe_repositories(repositoryNames=[name])["repositories"]
        except self._errors.RepositoryNotFoundException:
            return None
        arn = found["repositoryArn"]
        tags = self._client.list_tags_for_resource(resourceArn=arn)["tags"]
        return Repository(
            name,
            found.get("imageTagMutability") == "IMMUTABLE",
            bool(found.get("imageScanningConfiguration", {}).get("scanOnPush")),
            self._lifecycle(name),
            {tag["Key"]: tag.get("Value", "") for tag in tags},
            uri=found["repositoryUri"],
            arn=arn,
        )

    def ensure(self, wanted: Repository, actual: Repository | None) -> None:
        """Create the repository or mend what differs. Tags of others stay."""
        if actual is None and not self._create(wanted):
            actual = self.actual(wanted.name)
        if actual is not None:
            self._mend(wanted, actual)
        if wanted.lifecycle != (actual.lifecycle if actual else None):
            self._client.put_lifecycle_policy(
                repositoryName=wanted.name, lifecyclePolicyText=json.dumps(wanted.lifecycle)
            )

    def _create(self, wanted: Repository) -> bool:
        """Create the repository; False where the run of another environment, which shares it, was quicker."""
        try:
            self._client.create_repository(
                repositoryName=wanted.name,
                imageTagMutability="IMMUTABLE" if wanted.immutable else "MUTABLE",
                imageScanningConfiguration={"scanOnPush": wanted.scan_on_push},
                tags=[{"Key": key, "Value": value} for key, value in sorted(wanted.tags.items())],
            )
        except self._errors.RepositoryAlreadyExistsException:
            return False
        return True

    def _mend(self, wanted: Repository, actual: Repository) -> None:
        if wanted.immutable != actual.immutable:
            self._client.put_image_tag_mutability(
                repositoryName=wanted.name,
                imageTagMutability="IMMUTABLE" if wanted.immutable else "MUTABLE",
            )
        if wanted.scan_on_push != actual.scan_on_push:
            self._client.put_image_scanning_configuration(
                repositoryName=wanted.name,
                imageScanningConfiguration={"scanOnPush": wanted.scan_on_push},
            )
        if wanted.tags != actual.tags:
            self._client.tag_resource(
                resourceArn=actual.arn,
                tags=[{"Key": key, "Value": value} for key, value in sorted(wanted.tags.items())],
            )

    def _lifecycle(self, name: str) -> dict[str, Any] | None:
        try:
            text = self._client.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]
        except self._errors.LifecyclePolicyNotFoundException:
            return None
        policy: dict[str, Any] = json.loads(text)
        return policy


def converge(repositories: Repositories, wanted: Iterable[Repository], *, check_mode: bool) -> dict[str, Any]:
    """Make the repositories as wanted; give changed, their names and the diff."""
    before, after, differing = [], [], []
    wanted = [*wanted]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [*pool.map(repositories.actual, [repository.name for repository in wanted])]
    for repository, actual in zip(wanted, found, strict=True):
        goal = _merged(repository, actual)
        before += [actual.shown()] if actual else []
        after.append(goal.shown())
        if goal != actual:
            differing.append(repository.name)
            if not check_mode:
                repositories.ensure(goal, actual)
    return {
        "changed": bool(differing),
        "repositories": differing,
        "diff": {"before": {"repositories": before}, "after": {"repositories": after}},
    }


def _merged(wanted: Repository, actual: Repository | None) -> Repository:
    """Add the tags that others have set."""
    tags = {**(actual.tags if actual else {}), **wanted.tags}
    return Repository(wanted.name, wanted.immutable, wanted.scan_on_push, wanted.lifecycle, tags)
