"""Which platform a command line means: the stack file that declares the function, and what it must agree with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_platform import ACCOUNT, FakeAws, platform_of

from components.fan_out.settings import PlatformSettings
from operations.engine import Engine
from operations.errors import OperationError, StackError
from operations.fan_out import platform as platforms
from operations.fan_out import stack_settings
from operations.fan_out.platform import Named, stack_of
from operations.fan_out.stack_settings import Asked
from operations.instances import Instance
from operations.stacks import Stack

pytestmark = pytest.mark.pure


def write(folder: Path, stack: str, **settings: Any) -> None:
    instance = {"kind": "fan-out/platform", "sources": {"inputStream": {}}, **settings}
    config = {
        "aws:region": "eu-west-1",
        "aws:allowedAccountIds": [ACCOUNT],
        "tributary:architectures": {"fan-out": instance},
    }
    (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))


def test_the_function_leads_to_the_stack_that_declares_it(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two", function={"name": "other", "batchSize": 100, "timeoutSeconds": 60})
    (tmp_path / "Pulumi.three.yaml").write_text("config: {}\n")
    assert stack_of(Named(folder=tmp_path)) == ("one", "fan-out")
    assert stack_of(Named("other", folder=tmp_path)) == ("two", "fan-out")
    assert stack_of(Named(f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:other", folder=tmp_path))[0] == "two"


def test_a_function_that_no_file_declares_is_told_with_those_that_are(tmp_path: Path) -> None:
    write(tmp_path, "one")
    with pytest.raises(OperationError, match=r"there is fanout \(stack one\)\. Name one of these, or add an instance"):
        stack_of(Named("fanOut", folder=tmp_path))


def test_a_function_of_several_stacks_needs_the_stack(tmp_path: Path) -> None:
    write(tmp_path, "one")
    write(tmp_path, "two")
    with pytest.raises(OperationError, match=r"Add `--stack` with one of one, two\."):
        stack_of(Named(folder=tmp_path))
    assert stack_of(Named(stack="two", folder=tmp_path))[0] == "two"


def test_a_wrong_stack_file_is_told_as_such(tmp_path: Path) -> None:
    write(tmp_path, "one", source={})
    with pytest.raises(StackError, match=r"Pulumi\.one\.yaml: `tributary:architectures\.fan-out\.source`"):
        stack_of(Named(folder=tmp_path))


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (Named(region="us-east-1"), "--region us-east-1: stack `platform` is in eu-west-1."),
        (Named(table="others"), "--table others: `fanout` reads its targets from fanoutTargets."),
        (Named("arn:aws:lambda:eu-west-1:999999999999:function:fanout"), "--function-arn arn:aws:lambda:eu-west-1:9"),
    ],
)
def test_what_the_line_says_otherwise_than_the_stack_is_refused(named: Named, told: str) -> None:
    platform = platform_of(FakeAws())
    with pytest.raises(OperationError) as error:
        platforms.refuse_disagreement(named, platform)
    assert str(error.value).startswith(told)


def test_what_the_line_says_as_the_stack_does_is_taken() -> None:
    arn = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/fanoutTargets"
    named = Named(f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:fanout", table=arn, region="eu-west-1")
    platforms.refuse_disagreement(named, platform_of(FakeAws()))


def test_a_profile_counts_instead_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    environment = Named(profile="mine", endpoint_url="http://here").engine().environment
    assert "AWS_ACCESS_KEY_ID" not in environment
    assert (environment["AWS_PROFILE"], environment["AWS_ENDPOINT_URL"]) == ("mine", "http://here")


class Written(Engine):
    """Keeps what it is to run."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.ran: list[str]
        object.__setattr__(self, "ran", [])

    def run(self, arguments: Any, on_line: Any = None) -> str:
        self.ran.append(" ".join(arguments))
        return ""


NOTHING = Asked(None, None, None, (), (), None)


def at(engine: Engine, **said: Any) -> Instance:
    found = {"kind": "fan-out/platform", "sources": {"inputStream": {}}, **said}
    stack = Stack("platform", ACCOUNT, "eu-west-1", {"fan-out": PlatformSettings.model_validate(found)})
    return Instance(engine, stack, "fan-out")


def test_options_of_deploy_are_written_into_the_stack_file_where_it_says_otherwise() -> None:
    engine = Written()
    asked = Asked(1024, 120, f"arn:aws:iam::{ACCOUNT}:role/mine", ("subnet-1,subnet-2",), ("sg-1",), None)
    told = stack_settings.write(at(engine), asked)
    start = 'config set --path tributary:architectures["fan-out"]'
    assert engine.ran == [
        f"{start}.function.name fanout --stack platform",
        f"{start}.function.batchSize 500 --stack platform",
        f"{start}.function.timeoutSeconds 120 --stack platform",
        f"{start}.function.memoryMb 1024 --stack platform",
        f"{start}.roleName mine --stack platform",
        f"{start}.network.subnetIds[0] subnet-1 --stack platform",
        f"{start}.network.subnetIds[1] subnet-2 --stack platform",
        f"{start}.network.securityGroupIds[0] sg-1 --stack platform",
    ]
    assert told[3] == "Pulumi.platform.yaml: `fan-out.function.memoryMb` is 1024 now."


def test_options_of_deploy_that_the_file_says_already_write_nothing() -> None:
    engine = Written()
    network = {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}
    asked = Asked(512, 120, "fanout-role", ("subnet-1",), ("sg-1",), "python3.13")
    assert stack_settings.write(at(engine, network=network), asked) == []
    assert stack_settings.write(at(engine), NOTHING) == []
    assert engine.ran == []


def test_another_runtime_is_refused() -> None:
    with pytest.raises(OperationError, match=r"^--runtime nodejs14\.x: the function is written in Python"):
        stack_settings.write(at(Written()), NOTHING._replace(runtime="nodejs14.x"))
