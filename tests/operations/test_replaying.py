"""What can be replayed, from when, and what is said about it before it happens."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_pulumi import config

from operations import replaying
from operations.asked import time_of
from operations.errors import OperationError, StackError
from operations.instruments.mappings import MAPPING_TYPE, Mapping, mappings

pytestmark = pytest.mark.pure

ACCOUNT = "111111111111"
KINESIS = f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/web-analytics"
TABLE_STREAM = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/orders/stream/2026-11-22T10:00:00.000"
FILE = """config:
  aws:region: eu-west-1
  aws:allowedAccountIds: ["111111111111"]
  tributary:architectures:
    web-analytics:
      kind: cross-account-copy/source
      target: {stack: poc}
      startingTimestamp: "2026-11-22T09:00:00Z"
"""


class FakeEngine:
    """A stack's state as Pulumi exports it, and the Pulumi commands that were run."""

    def __init__(self, folder: Path, sources: dict[str, str]) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}
        self.commands: list[list[str]] = []
        self._sources = sources

    def resources(self, stack: str) -> list[dict[str, Any]]:
        def urn(type_: str, name: str) -> str:
            return f"urn:pulumi:{stack}::tributary::{type_}::{name}"

        root = {"urn": urn("pulumi:pulumi:Stack", stack), "type": "pulumi:pulumi:Stack"}
        instance = {"urn": urn("tributary:index:CopySource", "web-analytics"), "type": "tributary:index:CopySource"}
        return [
            root,
            {**instance, "parent": root["urn"]},
            *(
                {
                    "urn": urn(MAPPING_TYPE, f"web-analytics-{name}-mapping"),
                    "type": MAPPING_TYPE,
                    "parent": instance["urn"],
                    "protect": "dynamodb" in source,
                    "outputs": {
                        "functionArn": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}",
                        "eventSourceArn": source,
                    },
                }
                for name, source in self._sources.items()
            ),
        ]

    def config(self, stack: str) -> dict[str, str]:
        return {key: shown["value"] for key, shown in config(self.folder / f"Pulumi.{stack}.yaml").items()}

    def run(self, arguments: list[str]) -> str:
        self.commands.append(arguments)
        return ""

    attached = run


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    (tmp_path / "Pulumi.prod.yaml").write_text(FILE)
    return FakeEngine(tmp_path, {"copier": KINESIS, "replicator": TABLE_STREAM})


def test_a_mapping_is_found_with_its_instance_function_and_source(engine: Any) -> None:
    [found] = mappings(engine, "prod", "copier")
    assert (found.component, found.function, found.source_arn) == ("web-analytics", "copier", KINESIS)
    with pytest.raises(StackError, match=r"no function `copyer` on a stream\. It has copier, replicator"):
        mappings(engine, "prod", "copyer")


def test_a_replay_from_a_time_writes_it_into_the_stack_file_and_one_from_the_horizon_removes_it(engine: Any) -> None:
    found = mappings(engine, "prod", "copier")
    at = datetime(2026, 11, 22, 10, tzinfo=UTC)
    setting = 'tributary:architectures["web-analytics"].startingTimestamp'
    replaying.replay(engine, "prod", found, at)
    replaying.replay(engine, "prod", found)
    up = ["up", "--yes", "--skip-preview", "--stack", "prod", "--replace", found[0].urn]
    assert engine.commands == [
        ["config", "set", "--stack", "prod", "--path", setting, "2026-11-22T10:00:00+00:00"],
        up,
        ["config", "rm", "--stack", "prod", "--path", setting],
        up,
    ]


def test_a_protected_mapping_may_be_replaced_by_a_replay(engine: Any) -> None:
    found = mappings(engine, "prod", "replicator")
    replaying.replay(engine, "prod", found)
    unprotect = ["state", "unprotect", found[0].urn, "--yes", "--stack", "prod"]
    assert engine.commands[-2:] == [
        unprotect,
        ["up", "--yes", "--skip-preview", "--stack", "prod", "--replace", found[0].urn],
    ]


def test_a_tables_stream_is_not_replayed_from_a_time(engine: Any) -> None:
    found = mappings(engine, "prod", None)
    assert [line.rpartition(" ")[2] for line in replaying.describe(found, None)] == ["horizon", "horizon"]
    with pytest.raises(OperationError, match=r"replicator reads .* Leave out `--at`, or name .* `--function`"):
        replaying.describe(found, datetime.now(UTC))


def test_what_happens_is_said_with_the_time() -> None:
    [line] = replaying.describe(
        [Mapping("urn", "web", "copier", KINESIS, protected=False)], datetime(2026, 11, 22, 10, tzinfo=UTC)
    )
    assert line == f"copier reads {KINESIS} again from what arrived at 2026-11-22T10:00:00+00:00"


@pytest.mark.parametrize("text", ["yesterday", "2026-11-22T10:00:00", "2999-01-01T00:00:00Z", ""])
def test_a_time_is_past_and_has_its_zone(text: str) -> None:
    with pytest.raises(OperationError, match=r"--at is .* such as 2026-11-22T10:00:00Z"):
        time_of(text)
