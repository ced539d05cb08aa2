"""The deployer's permissions as an account's administrator attaches them: managed policies, each within its size.

docs/deployer-policy.json says what the deployer may do, statement by statement; this cuts it into policies:

    python -m operations.deployer_policies                                # docs/deployer, as committed
    python -m operations.deployer_policies --region cn-north-1 --to mine  # for another partition
    python -m operations.deployer_policies --boundary TributaryBoundary --to mine
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.regions import dns_suffix_of, partition_of

DOCS = Path(__file__).resolve().parents[1] / "docs"
SOURCE, FOLDER = DOCS / "deployer-policy.json", DOCS / "deployer"
BOUNDARY = DOCS / "deployer-boundary.json"
# Characters without white space; a role has ten managed policies.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LONGEST = 6_144
# What makes a role more than it was. Under a boundary these are allowed for bounded roles only.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
GIVING = frozenset({"iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"})

Statement = Mapping[str, Any]


def size(statements: Sequence[Statement]) -> int:
    """The characters of a policy that IAM counts."""
    return len(_text(statements))


def managed(statements: Iterable[Statement]) -> list[list[Statement]]:
    """The statements in policies that IAM takes, in their order."""
    policies: list[list[Statement]] = [[]]
    for statement in statements:
        if size([*policies[-1], statement]) > LONGEST:
            policies.append([])
        policies[-1].append(statement)
    return policies


def bounded(statements: Iterable[Statement], boundary: str) -> list[Statement]:
    """The statements for a deployer that makes bounded roles only, and leaves the boundary as it is.

    `boundary` is the name of the managed policy that bounds them.
    """
    arn = f"arn:aws:iam::*:policy/{boundary}"
    found: list[Statement] = []
    for statement in statements:
        giving = sorted(GIVING & set(statement["Action"])) if statement["Effect"] == "Allow" else []
        if rest := [action for action in statement["Action"] if action not in giving]:
            found.append({**statement, "Action": rest})
        if giving:
            actions = sorted({*giving, "iam:PutRolePermissionsBoundary"})
            condition = {"ArnLike": {"iam:PermissionsBoundary": arn}}
            found.append({**statement, "Sid": f"Bounded{statement['Sid']}", "Action": actions, "Condition": condition})
    return [
        *found,
        {
            "Sid": "NotTheBoundary",
            "Effect": "Deny",
            "Action": [
                "iam:CreatePolicyVersion",
                "iam:DeletePolicy",
                "iam:DeletePolicyVersion",
                "iam:DeleteRolePermissionsBoundary",
                "iam:SetDefaultPolicyVersion",
            ],
            "Resource": [arn, "arn:aws:iam::*:role/*"],
        },
    ]


def in_partition(statements: Sequence[Statement], region: str) -> list[Statement]:
    """The statements as they are in a Region's partition."""
    text = json.dumps(statements).replace("arn:aws:", f"arn:{partition_of(region)}:")
    placed: list[Statement] = json.loads(text.replace('.*.amazonaws.com"', f'.*.{dns_suffix_of(region)}"'))
    return placed


def write(policies: Sequence[Sequence[Statement]], folder: Path) -> list[Path]:
    """A file for each policy, and none from before."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("TributaryDeployer-*.json"):
        stale.unlink()
    paths = [folder / f"TributaryDeployer-{number}.json" for number in range(1, len(policies) + 1)]
    for path, statements in zip(paths, policies, strict=True):
        path.write_text(_text(statements) + "\n")
    return paths


def read(path: Path) -> list[Statement]:
    """The statements of a policy's file."""
    statements: list[Statement] = json.loads(path.read_text())["Statement"]
    return statements


def main() -> None:
    """Write the policies, and say what to type next."""
    parser = argparse.ArgumentParser(prog="python -m operations.deployer_policies", description=__doc__)
    parser.add_argument("--to", type=Path, default=FOLDER, help="the folder for the policies")
    parser.add_argument("--region", default="eu-west-1", help="a Region of the partition")
    parser.add_argument("--boundary", help="the name of the managed policy that bounds every role")
    options = parser.parse_args()
    statements: Sequence[Statement] = read(SOURCE)
    if options.boundary:
        statements = bounded(statements, options.boundary)
    for path in write(managed(in_partition(statements, options.region)), options.to):
        print(f"aws iam create-policy --policy-name {path.stem} --policy-document file://{path}")


def _text(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))


if __name__ == "__main__":
    main()
