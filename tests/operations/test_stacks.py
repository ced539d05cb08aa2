"""Stacks are deployed in the order of their references, and a wrong stack file names the next step."""

from pathlib import Path

import pytest

from operations.errors import StackError
from operations.stacks import Stack, dependents, in_order, read, stack_names

pytestmark = pytest.mark.pure

PROJECT = Path(__file__).parents[2]

TARGET = """
config:
  aws:region: eu-west-1
  aws:allowedAccountIds: ["999999999999"]
  tributary:architectures:
    copy: {kind: cross-account-copy/target, writer: {accountId: "111111111111"}}
"""
SOURCE = """
config:
  aws:region: eu-west-1
  aws:allowedAccountIds: ["111111111111"]
  tributary:architectures:
    copy: {kind: cross-account-copy/source, target: {stack: POC}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.alpha.yaml").write_text(SOURCE.replace("POC", "zeta"))
    (tmp_path / "Pulumi.zeta.yaml").write_text(TARGET)
    return tmp_path


def names(stacks: list[Stack]) -> list[str]:
    return [stack.name for stack in stacks]


def test_the_side_that_grants_trust_comes_first(folder: Path) -> None:
    assert names(in_order([read(folder, "alpha"), read(folder, "zeta")])) == ["zeta", "alpha"]


def test_a_reference_to_a_stack_that_is_not_deployed_now_does_not_matter(folder: Path) -> None:
    assert names(in_order([read(folder, "alpha")])) == ["alpha"]


def test_dependents_are_the_stacks_that_read_the_outputs(folder: Path) -> None:
    assert dependents(folder, "zeta") == ["alpha"]
    assert dependents(folder, "alpha") == []


def test_a_circle_is_named(folder: Path) -> None:
    (folder / "Pulumi.zeta.yaml").write_text(SOURCE.replace("POC", "alpha").replace("111111111111", "999999999999"))
    with pytest.raises(StackError, match=r"in a circle: (alpha → zeta → alpha|zeta → alpha → zeta)\. Give one of them"):
        in_order([read(folder, name) for name in stack_names(folder)])


def test_a_missing_stack_file_gets_the_nearest_name(folder: Path) -> None:
    with pytest.raises(StackError, match=r"there is no stack file Pulumi\.alfa\.yaml in .* Did you mean `alpha`\?"):
        read(folder, "alfa")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("config: [", "Pulumi.zeta.yaml is not YAML"),
        ("aws:region: eu-west-1", "`config` is missing; it must be a map"),
        (TARGET.replace("eu-west-1", "7"), "`aws:region` is 7; it must name a Region"),
        (TARGET.replace('"999999999999"', "999"), "`aws:allowedAccountIds` is [999]; it must be a list of one"),
        (TARGET.replace("writer:", "writr:"), "`tributary:architectures.copy.writr` is not a setting"),
    ],
)
def test_a_wrong_stack_file_is_named(folder: Path, content: str, told: str) -> None:
    (folder / "Pulumi.zeta.yaml").write_text(content)
    with pytest.raises(StackError) as error:
        read(folder, "zeta")
    assert "Pulumi.zeta.yaml" in str(error.value)
    assert told in str(error.value)


def test_the_committed_stack_files_are_right() -> None:
    stacks = {name: read(PROJECT, name) for name in stack_names(PROJECT)}
    assert {"poc", "prod"} <= stacks.keys()
    ordered = names(in_order(list(stacks.values())))
    assert ordered.index("poc") < ordered.index("prod")
