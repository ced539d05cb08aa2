"""When an alarm goes on, what metric math gives, and which metrics a log line holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.emulator.cloudwatch import metric_math
from localcloud.emulator.cloudwatch.alarm_states import state_of
from localcloud.emulator.cloudwatch.embedded_metrics import Datum, data_of
from localcloud.emulator.cloudwatch.metric_math import MathError
from localcloud.emulator.cloudwatch.queries import check

pytestmark = pytest.mark.pure

PERIODS = range(0, 300, 60)
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: good, bad, missing
POINTS = {"0": 0.0, "X": 1.0, "-": None}


def alarm(**changed: Any) -> dict[str, Any]:
    return {
        "EvaluationPeriods": 3,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "missing",
        "StateValue": "before",
        **changed,
    }


@pytest.mark.parametrize(
    ("needed", "points", "missing", "ignore", "breaching", "not_breaching"),
    [
        (3, "0-X-X", "OK", "OK", "OK", "OK"),
        (3, "----0", "OK", "OK", "OK", "OK"),
        (3, "-----", "INSUFFICIENT_DATA", "before", "ALARM", "OK"),
        (3, "0XX-X", "ALARM", "ALARM", "ALARM", "ALARM"),
        (3, "--X--", "ALARM", "before", "ALARM", "OK"),
        (2, "0-X-X", "ALARM", "ALARM", "ALARM", "ALARM"),
        (2, "00X0X", "ALARM", "ALARM", "ALARM", "ALARM"),
        (2, "0-X--", "OK", "OK", "ALARM", "OK"),
        (2, "----0", "OK", "OK", "ALARM", "OK"),
        (2, "---X-", "ALARM", "before", "ALARM", "OK"),
    ],
)
def test_missing_data_is_treated_as_the_alarm_says(
    needed: int, points: str, missing: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    """The examples of the page: three periods are evaluated, five looked at."""
    seen = [POINTS[one] for one in points]
    treated = ("missing", "ignore", "breaching", "notBreaching")
    found = tuple(state_of(alarm(TreatMissingData=how, DatapointsToAlarm=needed), seen) for how in treated)
    assert found == (missing, ignore, breaching, not_breaching)


@pytest.mark.parametrize(
    ("points", "state"),
    [("0000X", "ALARM"), ("----X", "ALARM"), ("0X000", "OK"), ("00000", "OK"), ("-----", "OK"), ("0-0-0", "OK")],
)
def test_one_bad_minute_in_three_is_enough_where_the_alarm_says_so(points: str, state: str) -> None:
    one_of_three = alarm(DatapointsToAlarm=1, TreatMissingData="notBreaching")
    assert state_of(one_of_three, [POINTS[one] for one in points]) == state


def test_an_alarm_on_a_metric_of_dynamodb_ignores_missing_data_whatever_it_says() -> None:
    throttles = alarm(Namespace="AWS/DynamoDB", TreatMissingData="notBreaching", StateValue="ALARM")
    assert state_of(throttles, [None] * 5) == "ALARM"
    by_math = alarm(Metrics=[{"Id": "a", "MetricStat": {"Metric": {"Namespace": "AWS/DynamoDB"}}}], StateValue="ALARM")
    assert state_of(by_math, [None] * 5) == "ALARM"
    assert state_of(by_math, [0.0] * 5) == "OK"


def value(expression: str, **known: dict[int, float]) -> Any:
    return metric_math.evaluate(metric_math.parse(expression), known, PERIODS)


def test_metric_math_by_element() -> None:
    assert value("a + b * 2", a={0: 1, 60: 2}, b={60: 3, 120: 4}) == {60: 8}
    assert value("-a ^ 2", a={0: 3}) in ({0: -9}, {0: 9})
    assert value("a > 1 AND b == 0", a={0: 1, 60: 2}, b={0: 0, 60: 0}) == {0: 0, 60: 1}
    assert value("a > 1 || b", a={0: 1, 60: 2}, b={0: 0, 60: 0}) == {0: 0, 60: 1}
    assert value("a / b", a={0: 1, 60: 2}, b={0: 0, 60: 2}) == {60: 1}
    assert value("IF(a > 1, 1, 0)", a={0: 1, 60: 2}) == {0: 0, 60: 1}
    assert value("IF(a > 1, a)", a={0: 1, 60: 2}) == {60: 2}
    assert value("DIFF(a)", a={0: 1, 60: 5, 180: 2}) == {60: 4, 180: -3}
    assert value("MAX(a) - MIN(a) + SUM(a) - AVG(a)", a={0: 1, 60: 5}) == 7


def test_missing_values_are_filled_also_where_there_is_none_at_all() -> None:
    assert value("FILL(a, 0)", a={60: 7}) == {0: 0, 60: 7, 120: 0, 180: 0, 240: 0}
    assert value("FILL(a, 0)", a={}) == dict.fromkeys(PERIODS, 0)
    assert value("FILL(a, REPEAT)", a={60: 7}) == {60: 7, 120: 7, 180: 7, 240: 7}


@pytest.mark.parametrize("expression", ["a +", "SEARCH('x')", "a.b", "FILL(a)", "__import__('os')", "a if b else c"])
def test_what_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises(MathError):
        value(expression, a={0: 1})


@pytest.mark.parametrize(
    ("expressions", "said"),
    [
        ({"a": "b"}, "uses b, which is no Id"),
        ({"a": "b", "b": "a"}, "circle"),
        ({"a": "RUNNING_SUM(a)"}, "does not know RUNNING_SUM"),
    ],
)
def test_queries_that_cannot_be_evaluated_are_refused(expressions: dict[str, str], said: str) -> None:
    with pytest.raises(MathError, match=said):
        check([{"Id": name, "Expression": expression} for name, expression in expressions.items()])


def test_a_log_line_in_the_embedded_metric_format_holds_metrics() -> None:
    directive = {
        "Namespace": "Tributary",
        "Dimensions": [["FunctionName"], []],
        "Metrics": [{"Name": "Waiting", "Unit": "Count"}, {"Name": "Sizes"}],
    }
    line = {
        "_aws": {"Timestamp": 1_500, "CloudWatchMetrics": [directive]},
        "FunctionName": "copier",
        "Waiting": 3,
        "Sizes": [1, 2],
    }
    of_function = [("Waiting", 3.0, "Count"), ("Sizes", 1.0, "None"), ("Sizes", 2.0, "None")]
    assert list(data_of(json.dumps(line))) == [
        Datum("Tributary", name, number, unit, dimensions, 1.5)
        for dimensions in ({"FunctionName": "copier"}, {})
        for name, number, unit in of_function
    ]
    for other in ("START RequestId: 1", '{"a": 1}', '{"_aws": 1}', json.dumps({**line, "Waiting": "x"})):
        assert [one.name for one in data_of(other) if one.name == "Sizes"] == []
