"""The command of aws-lambda-fanout on a platform of this project: as the original's article prints it, and the rest."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from handlers.fan_out.rows import item_of
from integration_tests.fan_out.deployed import PARTNER, PLATFORM, REGION
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.deployments import PROJECT, leave, prepare
from integration_tests.support.typing_commands import Tributary, typed_in
from localcloud.faults import Faults
from operations.engine import Engine

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]
# The article's three lines, letter by letter.
ARTICLE = """\
./fanout deploy --function fanout
./fanout register kinesis --function fanout --source-type kinesis --source inputStream --id target1 \
--destination outputStream --active true
./fanout hook --function fanout --source-type kinesis --source inputStream
"""


SOURCE = ("--source-type", "kinesis", "--source", "inputStream")


class Typed:
    """A folder with the committed stack files, in which the article's lines were typed in a shell."""

    def __init__(self, engine: Engine, platform: Clients, shown: list[str]) -> None:
        self.engine, self.platform, self.shown = engine, platform, shown
        self.source = f"arn:aws:kinesis:{REGION}:{platform.account_id}:stream/inputStream"

    def put(self, name: str, *data: str) -> None:
        """Put records into a stream, all with one key."""
        for one in data:
            self.platform.kinesis.put_record(StreamName=name, Data=one.encode(), PartitionKey="k")

    def mappings(self) -> list[dict[str, Any]]:
        """The function's event source mappings."""
        found = self.platform.lambda_.list_event_source_mappings(FunctionName="fanout")["EventSourceMappings"]
        return [dict(one) for one in found]

    def state_of(self, name: str) -> str:
        """The state of the mapping of a stream."""
        [state] = [one["State"] for one in self.mappings() if one["EventSourceArn"].endswith(f"/{name}")]
        return str(state)

    def rows(self) -> list[dict[str, Any]]:
        """The mapping table as it is, without what `list` tells of the lanes."""
        return sorted(self.platform.dynamodb.scan(TableName="fanoutTargets", ConsistentRead=True)["Items"], key=str)

    def register_wrong(self) -> None:
        """Write a row that cannot be followed, of the target `wrong`."""
        row = {"sourceArn": self.source, "id": "wrong", "type": "kinesis", "destination": "outputStream"}
        self.platform.dynamodb.put_item(TableName="fanoutTargets", Item=item_of({**row, "active": "yes"}))

    def read(self, name: str) -> list[str]:
        """What a stream holds, in order."""
        kinesis = self.platform.kinesis
        [shard] = kinesis.list_shards(StreamName=name)["Shards"]
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return [record["Data"].decode() for record in kinesis.get_records(ShardIterator=iterator)["Records"]]


@pytest.fixture(scope="module")
def typed(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typed]:
    """The platform, deployed by the article's lines; the partner, whose outputs its stack reads, with it."""
    folder = tmp_path_factory.mktemp("typed")
    with ExitStack() as cleanup:
        account_ids = {committed: cloud.lend_account(cleanup) for committed in (PLATFORM, PARTNER)}
        unprotected = {"deletionProtection": False}
        topics = f"arn:aws:iot:{REGION}:{account_ids[PLATFORM]}:topic/orders/*"
        sources = {"inputStream": {}, "lateStream": {"hook": False}}
        changes = {
            "platform": {**unprotected, "sources": sources, "reaches": [topics]},
            "partner": {**unprotected, "platform": {"accountId": account_ids[PLATFORM]}},
        }
        engine = prepare(cloud, folder, changes, account_ids)
        shutil.copy(PROJECT / "fanout", folder)
        path = f"{Path(sys.executable).parent}{os.pathsep}{engine.environment['PATH']}"
        for stack in ("partner", "platform"):
            cleanup.callback(leave, cloud, engine, stack)
        shown = []
        for line in ARTICLE.splitlines():
            done = subprocess.run(
                line, shell=True, cwd=folder, env={**engine.environment, "PATH": path}, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout + done.stderr
            shown.append(done.stdout)
        account = account_ids[PLATFORM]
        yield Typed(engine, Clients(cloud.session(account), account, cloud.endpoint, REGION), shown)


@pytest.fixture
def tributary(typed: Typed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    """`tributary("fanout", "list")`: the exit code, output and errors."""
    return typed_in(typed.engine, monkeypatch, capsys)


def rows(tributary: Tributary) -> dict[str, Any]:
    """The targets by id, as `list` shows them."""
    _, shown, _ = tributary("fanout", "list", "--json")
    return {row["id"]: row for row in json.loads(shown)["targets"]}


def refused(tributary: Tributary, *line: str) -> str:
    """What a command line is refused with."""
    code, _, error = tributary("fanout", *line)
    assert code == 1
    return error


def done(tributary: Tributary, *line: str) -> str:
    """What a command line that succeeds says."""
    code, shown, error = tributary("fanout", *line)
    assert code == 0, shown + error
    return shown


def test_the_articles_lines_bring_records_from_one_stream_to_the_other(
    typed: Typed, tributary: Tributary, eventually: Eventually
) -> None:
    _, registered, hooked = typed.shown
    assert registered == "Target target1 of inputStream: in force within a minute.\n"
    assert hooked.startswith("inputStream is hooked to `fanout` already (mapping ")
    found = rows(tributary)
    assert {name: row["destination"] for name, row in found.items()} == {
        "partner": typed.engine.outputs("partner")["fan-out"]["destination"],
        "target1": "outputStream",
    }
    assert all(row["lane"] == "direct" and row["wrong"] is None and row["kept"] == 0 for row in found.values())
    sent = [json.dumps({"n": number}) for number in range(20)]
    typed.put("inputStream", *sent)
    eventually(lambda: sorted(typed.read("outputStream")), equals=sorted(sent), timeout=60, interval=0.3)


def test_a_target_that_is_not_there_or_out_of_reach_is_not_registered(typed: Typed, tributary: Tributary) -> None:
    before = typed.rows()
    of_queue = ("register", "sqs", *SOURCE, "--id", "queue", "--destination")
    assert "--destination nowhere: An error occurred (AWS.SimpleQueueService.NonExistentQueue)" in refused(
        tributary, *of_queue, "nowhere"
    )
    url = typed.platform.sqs.create_queue(QueueName="out-of-reach")["QueueUrl"]
    told = refused(tributary, *of_queue, url)
    assert "--destination: role fanout-role of `fanout` may not call sqs:SendMessage on arn:aws:sqs:" in told
    assert "under `reaches` of `fan-out` in Pulumi.platform.yaml and type `tributary up platform`" in told
    stream = ("register", "kinesis", *SOURCE, "--id", "other", "--destination")
    assert "may not call kinesis:PutRecords" in refused(tributary, *stream, "otherStream")
    assert "--id target1: there is such a target" in refused(
        tributary, "register", "kinesis", *SOURCE, "--id", "target1", "--destination", "outputStream"
    )
    assert typed.rows() == before


def test_a_declared_target_is_changed_in_its_stack_file(tributary: Tributary) -> None:
    told = refused(tributary, "deactivate", "--id", "partner")
    assert "--id partner: that target is declared in Pulumi.platform.yaml. Change `targets.partner` there" in told


def test_a_marked_record_is_followed_to_its_target_or_to_the_reason(
    typed: Typed, tributary: Tributary, eventually: Eventually
) -> None:
    told = json.loads(done(tributary, "test", "--id", "target1", "--json"))
    assert [(one["target"], one["what"]) for one in told["targets"]] == [("target1", "delivered")]
    eventually(lambda: json.dumps({"tributaryTest": told["mark"]}) in typed.read("outputStream"), timeout=30)

    done(tributary, "update", "--id", "target1", "--filter", '{"data": {"n": [1]}}')
    assert "not sent: its filter does not let the record through" in done(tributary, "test", "--id", "target1")
    assert "target1 of inputStream: delivered" in done(tributary, "test", "--id", "target1", "--data", '{"n": 1}')

    done(tributary, "update", "--id", "target1", "--filter", "", "--transform", "abs(n)")
    code, shown, _ = tributary("fanout", "test", "--id", "target1", "--data", '{"n": "a"}')
    assert code == 1
    assert "target1 of inputStream: refused for good: transform does not work on its data: JMESPathTypeError" in shown
    assert rows(tributary)["target1"]["kept"] == 1


def test_what_was_refused_is_redriven_when_its_row_is_put_right(
    typed: Typed, tributary: Tributary, eventually: Eventually
) -> None:
    code, shown, _ = tributary("fanout", "redrive", "--id", "target1", "--yes")
    assert code == 1
    assert "left where it is: transform does not work on its data" in shown
    done(tributary, "update", "--id", "target1", "--transform", "")
    assert "1 of 1 objects are redriven" in done(tributary, "redrive", "--id", "target1", "--yes")
    eventually(lambda: '{"n": "a"}' in typed.read("outputStream"), timeout=30)
    assert rows(tributary)["target1"]["kept"] == 0


def test_a_wrong_row_is_told_and_stops_no_other(typed: Typed, tributary: Tributary, eventually: Eventually) -> None:
    typed.register_wrong()
    told = "wrong: wrong of arn:aws:kinesis:"
    code, shown, error = tributary("fanout", "list", *SOURCE)
    assert (code, told in shown) == (1, True)
    assert "active is 'yes' of type S; it must be BOOL: true or false" in shown
    assert "1 rows are wrong" in error
    typed.put("inputStream", '{"beside": "a wrong row"}')
    eventually(lambda: '{"beside": "a wrong row"}' in typed.read("outputStream"), timeout=60, interval=0.3)
    assert "is unregistered" in done(tributary, "unregister", "--id", "wrong")


def test_all_rows_are_validated_at_once(typed: Typed, tributary: Tributary) -> None:
    typed.register_wrong()
    assert "1 of 3 targets are wrong" in refused(tributary, "validate", *SOURCE)
    assert "is unregistered" in done(tributary, "unregister", "--id", "wrong")
    done(tributary, "validate")


def test_a_target_that_refuses_is_behind_and_catches_up(
    typed: Typed, tributary: Tributary, eventually: Eventually, faults: Faults
) -> None:
    sent = [f"behind {number}" for number in range(5)]
    with faults.throttle(account=typed.platform.account_id, service="kinesis", operation="PutRecords"):
        typed.put("inputStream", *sent)
        eventually(lambda: rows(tributary)["target1"]["lane"], equals="behind", timeout=90, interval=1.0)
        told = refused(tributary, "status")
        assert "targets need a look" in told
        described = json.loads(done(tributary, "describe", "--id", "target1", "--json"))
        assert described["behind"]["messages"] == len(sent)
    eventually(
        lambda: [one for one in typed.read("outputStream") if one in sent], equals=sent, timeout=120, interval=1.0
    )
    eventually(lambda: rows(tributary)["target1"]["lane"], equals="direct", timeout=60, interval=1.0)


def test_a_source_is_hooked_held_and_unhooked_at_run_time(
    typed: Typed, tributary: Tributary, eventually: Eventually
) -> None:
    late = ("--source-type", "kinesis", "--source", "lateStream")
    register = ("register", "kinesis", *late, "--id", "late", "--destination", "outputStream", "--active", "true")
    done(tributary, *register)
    assert "lateStream is not hooked to `fanout`" in refused(tributary, "pause", *late)
    typed.put("lateStream", "early")
    assert "lateStream is hooked to `fanout` (mapping " in done(tributary, "hook", *late, "--batch-size", "50")
    eventually(lambda: "early" in typed.read("outputStream"), timeout=60, interval=0.3)
    [made] = [one for one in typed.mappings() if one["EventSourceArn"].endswith("/lateStream")]
    [by_stack] = [one for one in typed.mappings() if one["EventSourceArn"].endswith("/inputStream")]
    same = ("FunctionResponseTypes", "MaximumRecordAgeInSeconds", "DestinationConfig", "BisectBatchOnFunctionError")
    assert [made[name] for name in same] == [by_stack[name] for name in same]
    assert made["BatchSize"] == 50

    done(tributary, "pause", *late)
    assert typed.state_of("lateStream") == "Disabled"
    done(tributary, "resume", *late)
    assert typed.state_of("lateStream") == "Enabled"
    assert "the stack makes its mapping" in refused(tributary, "unhook", *SOURCE, "--yes")
    assert "is no longer hooked" in done(tributary, "unhook", *late, "--yes")
    eventually(lambda: [one["EventSourceArn"] for one in typed.mappings()], equals=[typed.source], timeout=30)


def test_a_topic_of_iot_core_is_published_to_at_the_endpoint_of_its_account(
    typed: Typed, tributary: Tributary, cloud: Cloud
) -> None:
    register = ("register", "iot", *SOURCE, "--id", "topic", "--destination", "orders/new", "--collapse", "none")
    done(tributary, *register, "--active", "true")
    assert f"-ats.iot.{REGION}.amazonaws.com#orders/new" in rows(tributary)["topic"]["destination"]
    told = json.loads(done(tributary, "test", "--id", "topic", "--json"))
    assert [(one["target"], one["what"]) for one in told["targets"]] == [("topic", "delivered")]
    with urlopen(f"{cloud.endpoint}/_tributary/iot/{typed.platform.account_id}") as answer:
        messages = json.load(answer)["messages"]
    assert [(one["topic"], json.loads(base64.b64decode(one["payload"]))) for one in messages] == [
        ("orders/new", {"tributaryTest": told["mark"]})
    ]
    done(tributary, "unregister", "--id", "topic")


def test_what_deploy_is_told_goes_into_the_stack_file(typed: Typed, tributary: Tributary) -> None:
    assert "`fan-out.function.memoryMb` is 640 now" in done(tributary, "deploy", "--memory", "640")
    assert typed.platform.lambda_.get_function_configuration(FunctionName="fanout")["MemorySize"] == 640
    assert "memoryMb: 640" in (typed.engine.folder / "Pulumi.platform.yaml").read_text()
