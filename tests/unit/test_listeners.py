"""Listener rules."""

from plugins.filter.load_balancer import FilterModule
from plugins.module_utils.listeners import forward_to


def test_actions_name_groups_by_arn_and_keep_the_rest() -> None:
    rule = {
        "Priority": "10",
        "Conditions": [{"Field": "path-pattern", "Values": ["/*"]}],
        "Actions": [{"Type": "forward", "TargetGroupName": "goals-prod-web"}],
    }
    (changed,) = forward_to([rule], {"goals-prod-web": "arn:1"})
    assert changed == {**rule, "Actions": [{"Type": "forward", "TargetGroupArn": "arn:1"}]}
    assert rule["Actions"] == [{"Type": "forward", "TargetGroupName": "goals-prod-web"}]
    assert set(FilterModule().filters()) == {"forward_to", "group_arns"}
