"""The task definition as ECS describes it."""

from tests.e2e.environment import aws

FAMILY = "goals-ecs-task-definitions-web"


def test_one_revision_says_what_the_model_says() -> None:
    ecs = aws("ecs")
    assert len(ecs.list_task_definitions(familyPrefix=FAMILY, status="ACTIVE")["taskDefinitionArns"]) == 1
    definition = ecs.describe_task_definition(taskDefinition=FAMILY)["taskDefinition"]
    assert (definition["cpu"], definition["memory"]) == ("256", "512")
    assert definition["networkMode"] == "awsvpc"
    (container,) = definition["containerDefinitions"]
    assert "@sha256:" in container["image"]
    assert container["readonlyRootFilesystem"]
    assert {"name": "COLOUR", "value": "green"} in container["environment"]
