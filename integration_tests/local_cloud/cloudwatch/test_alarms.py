"""CloudWatch: alarms by their whole metric and over periods, metric math, and metrics in log lines.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from components.monitoring import stream_watches, table_watches
from components.watch import Watch
from integration_tests.support import alarms
from integration_tests.support.addressing import Clients, Cloud
from localcloud.faults import Faults

pytestmark = [
    pytest.mark.local,
    pytest.mark.differs("plain", "alarms ignore dimensions, periods and missing data; no metric math, no log metrics"),
]

NAMESPACE = "Story"


@pytest.fixture
def owner(account: Callable[[], str], clients: Callable[[str], Clients]) -> Clients:
    return clients(account())


def publish(owner: Clients, value: float, dimensions: dict[str, str], minutes_ago: int = 0) -> None:
    data = {
        "MetricName": "Bad",
        "Value": value,
        "Timestamp": time.time() - 60 * minutes_ago,
        "Dimensions": [{"Name": name, "Value": one} for name, one in dimensions.items()],
    }
    owner.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[data])


def watch(name: str, dimensions: dict[str, str], **options: Any) -> Watch:
    return Watch(
        name=name,
        what_to_do="",
        namespace=NAMESPACE,
        metric="Bad",
        dimensions=dimensions,
        statistic="Sum",
        threshold=0,
        **options,
    )


def test_an_alarm_looks_at_the_metric_with_exactly_its_dimensions(owner: Clients) -> None:
    for name, dimensions in (
        ("this", {"F": "a"}),
        ("other", {"F": "b"}),
        ("fewer", {}),
        ("more", {"F": "a", "G": "c"}),
    ):
        alarms.put(owner, watch(name, dimensions))
    publish(owner, 1, {"F": "a"})
    assert alarms.states(owner) == {"this": "ALARM", "other": "OK", "fewer": "OK", "more": "OK"}


def test_one_bad_minute_of_three_is_enough_and_is_over_when_it_has_passed(cloud: Cloud, owner: Clients) -> None:
    publish(owner, 1, {}, minutes_ago=2)
    publish(owner, 0, {}, minutes_ago=1)
    publish(owner, 0, {})
    alarms.put(owner, watch("one of three", {}))
    alarms.put(owner, watch("three in a row", {}, periods=3))
    assert alarms.states(owner) == {"one of three": "ALARM", "three in a row": "OK"}
    assert alarms.later(cloud, owner, 300) == {"one of three": "OK", "three in a row": "OK"}
    history = owner.cloudwatch.describe_alarm_history(AlarmName="one of three", HistoryItemType="StateUpdate")
    assert "Alarm updated from INSUFFICIENT_DATA to ALARM" in [
        item["HistorySummary"] for item in history["AlarmHistoryItems"]
    ]


def test_metric_math_in_an_alarm_and_in_a_query(cloud: Cloud, owner: Clients) -> None:
    publish(owner, 4, {"F": "a"})
    by_math = watch("by math", {"F": "a"}, expressions={"filled": "FILL(metric, 0)", "much": "IF(filled > 3, 1, 0)"})
    alarms.put(owner, by_math)
    assert alarms.states(owner) == {"by math": "ALARM"}
    assert alarms.later(cloud, owner, 600) == {"by math": "OK"}

    metric = {"Namespace": NAMESPACE, "MetricName": "Bad", "Dimensions": [{"Name": "F", "Value": "a"}]}
    queries = [
        {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "twice", "Expression": "m * 2"},
        {"Id": "all", "Expression": "SUM(FILL(twice, 1))"},
    ]
    now = int(time.time()) // 60 * 60
    answer = owner.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=now - 120, EndTime=now + 60)
    values = {one["Id"]: one["Values"] for one in answer["MetricDataResults"]}
    assert values["twice"] == [8.0]
    assert values["all"] in ([10.0] * 3, [8.0] * 3)


@pytest.mark.parametrize(
    ("expressions", "said"),
    [
        ({"a": "SEARCH('x')"}, "does not know SEARCH"),
        ({"a": "b * 2"}, "uses b, which is no Id of these queries"),
        ({"a": "metric +"}, "is no metric math"),
    ],
)
def test_an_alarm_on_math_that_is_none_is_refused(owner: Clients, expressions: dict[str, str], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        alarms.put(owner, watch("wrong", {}, expressions=expressions))
    assert alarms.states(owner) == {}


def test_a_function_that_prints_embedded_metrics_has_them(
    owner: Clients, function: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    directive = {"Namespace": NAMESPACE, "Dimensions": [["F"]], "Metrics": [{"Name": "Bad", "Unit": "Count"}]}
    metadata = f'{{"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [{json.dumps(directive)}]}}'
    line = f'{{"_aws": {metadata}, "F": context.function_name, "Bad": 7}}'
    printing = function(
        owner.account_id,
        f"import json, time\n\ndef handler(event, context):\n    print(json.dumps({line}))\n",
    )
    alarms.put(owner, watch("embedded", {"F": printing.name}))
    assert alarms.states(owner) == {"embedded": "OK"}
    printing.invoke()
    eventually(lambda: alarms.states(owner), equals={"embedded": "ALARM"})


def test_throttled_writes_raise_their_alarms_which_go_off_when_there_are_no_more(
    cloud: Cloud,
    owner: Clients,
    table: Callable[..., Any],
    stream: Callable[..., str],
    faults: Faults,
    eventually: Callable[..., Any],
) -> None:
    little = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}
    tiny = table(owner.account_id, **little)["TableName"]
    one_shard = stream(owner.account_id).rpartition("/")[2]
    [of_table], [of_stream] = table_watches("table", tiny), stream_watches("stream", one_shard)
    alarms.put(owner, of_table)
    alarms.put(owner, of_stream)
    calm = {"table-write-throttles": "OK", "stream-write-throttles": "OK"}
    assert alarms.states(owner) == calm

    with faults.throughput(account=owner.account_id):
        item = {"pk": {"S": "a"}, "text": {"S": "x" * 300_000}}
        records = [{"Data": b"x" * 10_000, "PartitionKey": "a"}] * 400

        def write() -> dict[str, str]:
            for call in (
                lambda: owner.dynamodb.put_item(TableName=tiny, Item=item),
                lambda: owner.kinesis.put_records(StreamName=one_shard, Records=records),
            ):
                try:
                    call()
                except ClientError as error:
                    assert error.response["Error"]["Code"] == "ProvisionedThroughputExceededException"  # noqa: PT017
            return alarms.states(owner)

        eventually(write, equals=dict.fromkeys(calm, "ALARM"), timeout=30)
    assert alarms.later(cloud, owner, 600) == calm
