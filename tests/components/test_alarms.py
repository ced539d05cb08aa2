"""The alarms of every side: complete dimensions, on at one bad period of three, on the dashboard."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.monitoring import function_watches
from tests.components.deployed import Declared, every, only
from tests.components.test_cross_account_copy import source, target
from tests.components.test_shared_stream import subscriber
from tests.components.test_table_replica import replica

pytestmark = pytest.mark.mocks


@pytest.fixture(params=["source", "target", "replica", "subscriber"], scope="module")
def declared(request: pytest.FixtureRequest) -> list[Declared]:
    made = {
        "source": lambda: source()[0],
        "target": lambda: target(clickStream={})[0],
        "replica": lambda: replica()[0],
        "subscriber": subscriber,
    }
    found: list[Declared] = made[request.param]()
    return found


def metrics_of(alarm: Declared) -> list[dict[str, Any]]:
    """The metrics that an alarm looks at."""
    queries = alarm.inputs.get("metricQueries") or []
    return [query["metric"] for query in queries if "metric" in query] or [dict(alarm.inputs)]


def alarm(declared: list[Declared], name: str) -> Declared:
    [found] = [one for one in every(declared, "MetricAlarm") if one.inputs["name"].endswith(name)]
    return found


def test_dimensions_are_complete_and_one_bad_period_of_three_is_enough(declared: list[Declared]) -> None:
    for one in every(declared, "MetricAlarm"):
        assert one.inputs["datapointsToAlarm"] == 1
        assert one.inputs["evaluationPeriods"] == (1 if one.inputs["name"].endswith("-not-polling") else 3)
        for metric in metrics_of(one):
            assert metric["dimensions"]
            assert all(metric["dimensions"].values())


def test_all_that_alarms_look_at_is_on_the_dashboard(declared: list[Declared]) -> None:
    dashboard = json.loads(only(declared, "Dashboard").inputs["dashboardBody"])
    shown = [
        (*line[:2], dict(zip(line[2:-1:2], line[3:-1:2], strict=True)))
        for widget in dashboard["widgets"]
        for line in widget["properties"]["metrics"]
        if len(line) > 1
    ]
    for one in every(declared, "MetricAlarm"):
        for metric in metrics_of(one):
            assert (metric["namespace"], metric["metricName"], metric["dimensions"]) in shown


def test_every_function_on_a_stream_tells_of_what_waits_what_is_poison_and_what_is_not_read(
    declared: list[Declared],
) -> None:
    mappings = every(declared, "EventSourceMapping")
    functions = [one for one in every(declared, "MetricAlarm") if one.inputs.get("metricName") == "Waiting"]
    assert functions
    for one in functions:
        name = one.inputs["name"].removesuffix("-waiting")
        assert one.inputs["namespace"] == "Tributary"
        assert list(one.inputs["dimensions"]) == ["FunctionName"]
        assert alarm(declared, f"{name}-poisoned").inputs["dimensions"] == one.inputs["dimensions"]
    polling = [one for one in every(declared, "MetricAlarm") if one.inputs["name"].endswith("-not-polling")]
    assert len(polling) == len(mappings)
    assert {one.inputs["treatMissingData"] for one in polling} == {"breaching"}


def test_a_source_of_this_account_is_watched_for_records_that_nobody_reads() -> None:
    of_table = metrics_of(alarm(replica()[0], "replicator-stream-unread"))[0]
    of_stream = metrics_of(alarm(source(enhancedFanOut=True)[0], "copier-stream-unread"))[0]
    assert (of_table["namespace"], of_table["metricName"]) == ("AWS/DynamoDB", "ConsumedWriteCapacityUnits")
    assert of_table["dimensions"] == {"TableName": "logfile"}
    assert (of_stream["namespace"], of_stream["metricName"]) == ("AWS/Kinesis", "IncomingRecords")
    # What another account's stream gets is counted in that account.
    assert not [one for one in every(subscriber(), "MetricAlarm") if one.inputs["name"].endswith("unread")]


@pytest.mark.parametrize(("age_s", "alarm_s"), [(3600, 900), (43_200, 10_800), (86_400, 21_600), (604_800, 21_600)])
def test_the_age_alarm_leaves_time_to_act_and_is_below_what_a_stream_keeps_at_least(age_s: int, alarm_s: int) -> None:
    [watch] = [one for one in function_watches("copier", "copier", {}, age_s) if one.metric == "IteratorAge"]
    assert watch.threshold == alarm_s * 1000


def test_an_alarm_on_throttled_writes_goes_off_when_there_are_no_more() -> None:
    """Alarms on AWS/DynamoDB ignore missing data, and this metric has data only while writes are throttled."""
    queries = alarm(replica()[0], "source-write-throttles").inputs["metricQueries"]
    assert [one["expression"] for one in queries if one.get("returnData")] == ["FILL(metric, 0)"]
