"""One process that sees by boto3 that security groups are as they should be.

python -m bench.floors.aws_unchanged VPC COUNT
"""

import sys

from tests.e2e.environment import aws

PORT = 443


def name_of(number: int) -> str:
    """Return a group's name."""
    return f"slipway-bench-{number}"


def main() -> int:
    """Look at each group with a request of its own, as one who does not know the others."""
    vpc, count = sys.argv[1:]
    ec2 = aws("ec2")
    for number in range(1, int(count) + 1):
        filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": [name_of(number)]}]
        (group,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        (rule,) = group["IpPermissions"]
        assert (rule["FromPort"], rule["ToPort"]) == (PORT, PORT), group
        assert [each["CidrIp"] for each in rule["IpRanges"]] == ["0.0.0.0/0"], group
    print(count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
