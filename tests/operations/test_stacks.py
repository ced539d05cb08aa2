"""Stacks are deployed in the order of their references, and a wrong stack file names the next step."""

import json
from pathlib import Path

import pytest
from fake_pulumi import FakePulumi

from operations.engine import Engine
from operations.errors import StackError
from operations.stacks import Stack, dependents, in_order, read, read_all, stack_names

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
    (tmp_path / "Pulumi.alpha.yaml").write_text(SOURCE.replace("POC", "zeta.eu"))
    (tmp_path / "Pulumi.zeta.eu.yaml").write_text(TARGET)
    return tmp_path


@pytest.fixture
def engine(folder: Path, pulumi: FakePulumi) -> Engine:
    return Engine(folder)


def names(stacks: list[Stack]) -> list[str]:
    return [stack.name for stack in stacks]


def test_the_side_that_grants_trust_comes_first(engine: Engine) -> None:
    assert names(in_order(read_all(engine, ["alpha", "zeta.eu"]))) == ["zeta.eu", "alpha"]


def test_a_reference_to_a_stack_that_is_not_deployed_now_does_not_matter(engine: Engine) -> None:
    assert names(in_order([read(engine, "alpha")])) == ["alpha"]


def test_dependents_are_the_stacks_that_read_the_outputs_of_one_with_a_dot_in_its_name(engine: Engine) -> None:
    stacks = read_all(engine, stack_names(engine.folder))
    assert dependents(stacks, "zeta.eu") == ["alpha"]
    assert dependents(stacks, "alpha") == []


def test_a_stack_is_asked_for_once_until_its_settings_change(engine: Engine, pulumi: FakePulumi) -> None:
    asked = ["config", "--json", "--show-secrets", "--stack", "alpha"]
    assert read(engine, "alpha") == read(engine, "alpha")
    assert pulumi.calls == [asked]
    engine.run(["config", "set", "--stack", "alpha", "a", "b"])
    read(engine, "alpha")
    assert pulumi.calls[2:] == [asked]


def test_a_circle_is_named(engine: Engine) -> None:
    zeta = SOURCE.replace("POC", "alpha").replace("111111111111", "999999999999")
    (engine.folder / "Pulumi.zeta.eu.yaml").write_text(zeta)
    with pytest.raises(
        StackError, match=r"in a circle: (alpha → zeta.eu → alpha|zeta.eu → alpha → zeta.eu)\. Give one of them"
    ):
        in_order(read_all(engine, stack_names(engine.folder)))


def test_a_missing_stack_file_gets_the_nearest_name(engine: Engine) -> None:
    with pytest.raises(StackError, match=r"there is no stack file Pulumi\.alfa\.yaml in .* Did you mean `alpha`\?"):
        read(engine, "alfa")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (TARGET.replace("eu-west-1", "7"), "`aws:region` is '7'; it must name a Region"),
        (TARGET.replace('"999999999999"', "999"), "`aws:allowedAccountIds` is [999]; it must be a list of one"),
        (TARGET.replace("writer:", "writr:"), "`tributary:architectures.copy.writr` is not a setting"),
        (TARGET.replace("{kind", "'{kind").replace("}}", "}}'"), "`tributary:architectures.copy` is '{kind"),
        (
            # The engine takes a time without quotes as one of UTC; a text must say its zone.
            SOURCE.replace("target:", 'startingTimestamp: "2026-11-22T10:00", target:'),
            "`tributary:architectures.copy.startingTimestamp` is '2026-11-22T10:00'; it must be a time with its zone,",
        ),
    ],
)
def test_a_wrong_stack_file_is_named(engine: Engine, content: str, told: str) -> None:
    (engine.folder / "Pulumi.zeta.eu.yaml").write_text(content)
    with pytest.raises(StackError) as error:
        read(engine, "zeta.eu")
    assert "Pulumi.zeta.eu.yaml" in str(error.value)
    assert told in str(error.value)
    assert str(error.value).endswith(
        "\nCorrect that in Pulumi.zeta.eu.yaml, and type the same command again; "
        "`pulumi preview --stack zeta.eu` shows what it comes to."
    )


def test_settings_are_read_as_json_text_too(engine: Engine) -> None:
    text = json.dumps({"copy": {"kind": "cross-account-copy/target", "writer": {"accountId": "111111111111"}}})
    (engine.folder / "Pulumi.zeta.eu.yaml").write_text(
        f"config:\n  aws:region: eu-west-1\n  aws:allowedAccountIds: '[\"999999999999\"]'\n"
        f"  tributary:architectures: '{text}'\n"
    )
    found = read(engine, "zeta.eu")
    assert (found.account_id, list(found.architectures)) == ("999999999999", ["copy"])


def test_the_committed_stack_files_are_right(pulumi: FakePulumi) -> None:
    stacks = read_all(Engine(PROJECT), stack_names(PROJECT))
    assert {"poc", "prod"} <= {stack.name for stack in stacks}
    ordered = names(in_order(stacks))
    assert ordered.index("poc") < ordered.index("prod")
