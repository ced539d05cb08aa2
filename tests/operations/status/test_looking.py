"""What `tributary status` makes of a stack's state and of what AWS answers, also when it refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fake_pulumi import FakePulumi

from operations import cli
from operations.engine import Engine
from operations.status import stacks

pytestmark = pytest.mark.pure

ACCOUNT, OTHER_ACCOUNT = "444444444444", "555555555555"
MAPPING_ID, OLD_ID = "11111111-aaaa", "22222222-bbbb"
TABLE = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/logfile"
TYPES = {kind.name: type_ for type_, kind in stacks.LOOKED_AT.items()}

OUTPUTS: Mapping[str, Mapping[str, Any]] = {
    "functions": {"name": "replicator"},
    "mappings": {
        "uuid": MAPPING_ID,
        "functionArn": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:replicator",
        "eventSourceArn": f"{TABLE}/stream/1",
        "destinationConfig": {"onFailure": {"destinationArn": "arn:aws:s3:::failures"}},
    },
    "alarms": {"name": "tributary-logfile-errors"},
    "errorPrefixes": {"name": "errors", "bucket": "the-lake", "filter": {"prefix": "errors/"}},
    "deliveryStreams": {"name": "lake", "extendedS3Configuration": {"bufferingInterval": 300}},
}
OBJECTS = [
    f"aws/lambda/{MAPPING_ID}/shard/1",
    f"aws/lambda/{OLD_ID}/shard/1",
    f"aws/lambda/{OLD_ID}/shard/2",
    "poison/replicator/logfile.1/-/1.json",
    "poison/another/logfile.1/-/1.json",
    "progress/replicator/x",
    "errors/processing-failed/1",
]


class NotThereError(ClientError):
    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "ResourceNotFoundException"}}, "Get")


class Pages:
    def __init__(self, pages: Any) -> None:
        self._pages = pages

    def paginate(self, **asked: Any) -> Any:
        return self._pages(**asked)


class Aws:
    """One object for all services: it answers by the call's name. `gone` and `denied` are names of calls."""

    exceptions = type("exceptions", (), {"ResourceNotFoundException": NotThereError})

    def __init__(self, gone: str = "", denied: str = "", latest: str = f"{TABLE}/stream/1") -> None:
        self.gone, self.denied, self.latest = gone, denied, latest
        self.metrics: dict[str, float] = {"IteratorAge": 2500.0, "Waiting": 4.0}

    def _asked(self, call: str) -> None:
        if call == self.gone:
            raise NotThereError
        if call == self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, call)

    def get_function_configuration(self, **_: Any) -> Any:
        self._asked("get_function_configuration")
        return {"State": "Active"}

    def get_function_concurrency(self, **_: Any) -> Any:
        return {}

    def get_event_source_mapping(self, **_: Any) -> Any:
        self._asked("get_event_source_mapping")
        return {"State": "Enabled", "LastProcessingResult": "OK", "MaximumRecordAgeInSeconds": 43_200}

    def describe_table(self, **_: Any) -> Any:
        return {"Table": {"LatestStreamArn": self.latest, "StreamSpecification": {"StreamEnabled": True}}}

    def describe_delivery_stream(self, **_: Any) -> Any:
        self._asked("describe_delivery_stream")
        return {"DeliveryStreamDescription": {"DeliveryStreamStatus": "ACTIVE"}}

    def get_paginator(self, name: str) -> Pages:
        self._asked(name)
        return Pages(getattr(self, f"_{name}"))

    def _describe_alarms(self, AlarmNames: list[str]) -> Any:  # noqa: N803
        at = datetime(2026, 11, 28, tzinfo=UTC)
        yield {
            "MetricAlarms": [
                {"AlarmName": name, "StateValue": "OK", "StateUpdatedTimestamp": at} for name in AlarmNames
            ]
        }

    def _get_metric_data(self, MetricDataQueries: list[Any], **_: Any) -> Any:  # noqa: N803
        for query in MetricDataQueries:
            value = self.metrics.get(query["MetricStat"]["Metric"]["MetricName"])
            times = [datetime(2026, 11, 28, 10, minute, tzinfo=UTC) for minute in (1, 2)] if value is not None else []
            # The newest is not the first: AWS sorts as it is asked to, others as they like.
            yield {
                "MetricDataResults": [{"Id": query["Id"], "Timestamps": times, "Values": [0.0, value][: len(times)]}]
            }

    def _list_objects_v2(self, Prefix: str, **_: Any) -> Any:  # noqa: N803
        yield {"Contents": [{"Key": key} for key in OBJECTS if key.startswith(Prefix)]}


def state() -> list[dict[str, Any]]:
    root = {"urn": "urn::stack", "type": "pulumi:pulumi:Stack"}
    instance = {"urn": "urn::tributary::logfile", "type": "tributary:index:TableReplica", "parent": "urn::stack"}
    part = {"urn": "urn::tributary::part", "type": "tributary:index:Part", "parent": instance["urn"]}
    leaves = [
        {"urn": f"urn::{name}", "type": TYPES[name], "parent": part["urn"], "outputs": outputs}
        for name, outputs in OUTPUTS.items()
    ]
    return [root, instance, part, *leaves]


@pytest.fixture
def project(tmp_path: Path, pulumi: FakePulumi, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, account in (("workshop", ACCOUNT), ("later", OTHER_ACCOUNT)):
        (tmp_path / f"Pulumi.{name}.yaml").write_text(
            f'config: {{"aws:region": eu-west-1, "aws:allowedAccountIds": ["{account}"], '
            '"tributary:architectures": {logfile: {kind: table-replica}}}\n'
        )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "unused")
    monkeypatch.setattr("operations.access.Account.identity", {"Account": ACCOUNT, "Arn": "arn"})
    monkeypatch.setattr(Engine, "resources", lambda _, stack: state() if stack == "workshop" else [])
    return tmp_path


def looked(
    aws: Aws, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("boto3.Session.client", lambda *_, **__: aws)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main(["status", "--folder", str(project), *options])
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


@pytest.fixture
def status(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    return lambda aws, *options: looked(aws, project, monkeypatch, capsys, *options)


def test_everything_is_shown_by_instance_and_what_failed_by_function(status: Any) -> None:
    code, out, error = status(Aws(), "--json")
    later, workshop = json.loads(out)["stacks"]
    assert (later["stack"], later["deployed"], later["instances"]) == ("later", False, {})
    seen = workshop["instances"]["logfile"]
    assert seen["functions"] == [{"name": "replicator", "state": "Active", "reservedConcurrency": None, "waiting": 4}]
    [mapping] = seen["mappings"]
    assert (mapping["state"], mapping["result"], mapping["ageS"], mapping["streamNow"]) == ("Enabled", "OK", 2.5, None)
    assert (mapping["batches"], mapping["poison"], mapping["others"]) == (1, 1, 2)
    assert [alarm["state"] for alarm in seen["alarms"]] == ["OK"]
    assert seen["deliveryStreams"][0]["freshnessS"] is None
    assert [(one["prefix"], one["objects"]) for one in seen["errorPrefixes"]] == [("errors/", 1)]
    problems = [finding["problem"] for finding in workshop["findings"]]
    assert len(problems) == json.loads(out)["findings"] == 5
    assert code == 1
    assert "5 findings need a person" in error


def test_text_names_every_function_and_what_to_type(status: Any) -> None:
    code, out, _ = status(Aws(), "workshop")
    assert code == 1
    assert "replicator on table/logfile/stream/1: Enabled, OK, 2.5 s behind, failed: 1 batch, 1 record" in out
    assert "1 alarms are off" in out
    assert "→ `tributary redrive workshop --instance logfile` applies them" in out


def test_the_exit_code_is_0_when_nobody_is_needed(status: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "OBJECTS", [])
    aws = Aws()
    aws.metrics = {}
    code, out, error = status(aws)
    assert (code, error) == (0, "")
    assert "later (555555555555, eu-west-1): not deployed" in out
    assert status(aws, "later")[0] == 1


def test_a_mapping_on_a_stream_that_is_no_longer_its_tables(status: Any) -> None:
    _, out, _ = status(Aws(latest=f"{TABLE}/stream/2"), "workshop", "--json")
    [mapping] = json.loads(out)["stacks"][0]["instances"]["logfile"]["mappings"]
    assert mapping["streamNow"] == f"{TABLE}/stream/2"


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("get_function_configuration", "functions"),
        ("get_event_source_mapping", "mappings"),
        ("describe_delivery_stream", "deliveryStreams"),
    ],
)
def test_what_is_gone_is_a_finding(status: Any, call: str, kind: str) -> None:
    _, out, _ = status(Aws(gone=call), "workshop", "--json")
    [seen] = json.loads(out)["stacks"][0]["instances"]["logfile"][kind]
    assert seen["state"] == "gone"


@pytest.mark.parametrize(
    ("call", "hidden"),
    [
        ("describe_alarms", {"alarms"}),
        ("get_event_source_mapping", {"mappings"}),
        ("list_objects_v2", {"mappings", "errorPrefixes"}),
    ],
)
def test_a_refusal_is_a_finding_and_hides_nothing_else(status: Any, call: str, hidden: set[str]) -> None:
    code, out, _ = status(Aws(denied=call), "workshop", "--json")
    [stack] = json.loads(out)["stacks"]
    assert [finding["problem"] for finding in stack["findings"] if "cannot be looked at" in finding["problem"]]
    assert set(stack["instances"]["logfile"]) == set(OUTPUTS) - hidden
    assert code == 1


def test_watching_looks_again_until_it_is_interrupted(status: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("operations.status.command.time.sleep", pause)
    code, out, _ = status(Aws(), "workshop", "--watch", "--json", "--every", "2")
    assert [json.loads(line)["findings"] for line in out.splitlines() if line] == [5, 5, 5]
    assert (code, pauses) == (130, [2.0] * 3)


def test_a_stack_that_there_is_not_is_refused(status: Any) -> None:
    code, _, error = status(Aws(), "worksop")
    assert code == 1
    assert "Did you mean `workshop`?" in error
