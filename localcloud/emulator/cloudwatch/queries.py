"""Metrics by period, and GetMetricData with expressions.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from localcloud.emulator.cloudwatch import metric_math
from localcloud.emulator.cloudwatch.metric_math import MathError, Series
from localcloud.emulator.patching import replaces

MODULE = "ministack.services.cloudwatch"

Json = Mapping[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def metric(query: Json) -> Json:
    """A metric as PutMetricAlarm and the queries of metric math name it, in the form of the latter.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html
    """
    named = {"Namespace": query["Namespace"], "MetricName": query["MetricName"]}
    return {
        "Metric": {**named, "Dimensions": query.get("Dimensions") or []},
        "Period": query.get("Period", 60),
        "Stat": query.get("ExtendedStatistic") or query.get("Statistic") or "Average",
    }


def series(stat: Json, start_s: float, end_s: float) -> Series:
    """A metric's values by period, in the account and Region of the request."""
    from ministack.services import cloudwatch

    named, period_s = stat["Metric"], int(stat["Period"])
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(named.get("Dimensions") or []))
    points: dict[int, list[Any]] = {}
    for point in list(cloudwatch._metrics.get((named["Namespace"], named["MetricName"], dimensions)) or ()):
        if start_s <= point["Timestamp"] < end_s:
            points.setdefault(int(point["Timestamp"] // period_s) * period_s, []).append(point)
    values = {
        time: cloudwatch._stat_value(cloudwatch._calc_stats(points[time]), stat["Stat"], points[time])
        for time in sorted(points)
    }
    return {time: value for time, value in values.items() if value is not None}


def check(queries: Sequence[Json]) -> None:
    """Raises MathError for queries that are none, or that read each other in a circle."""
    parsed = {query["Id"]: _uses(query) for query in queries}
    if len(parsed) < len(queries):
        raise MathError("The values of the parameter Id in the queries must be unique.")
    for name, used in parsed.items():
        if unknown := used - parsed.keys():
            raise MathError(f"Expression '{name}' uses {', '.join(sorted(unknown))}, which is no Id of these queries.")
    try:
        TopologicalSorter(parsed).prepare()
    except CycleError:
        raise MathError("The expressions use each other in a circle.") from None


def _uses(query: Json) -> set[str]:
    return metric_math.names(metric_math.parse(query["Expression"])) if query.get("Expression") else set()


def period_of(queries: Sequence[Json]) -> int:
    """The period of expressions over metrics, in seconds."""
    return max([int(query["MetricStat"]["Period"]) for query in queries if query.get("MetricStat")], default=60)


def evaluated(queries: Sequence[Json], start_s: float, end_s: float) -> Iterator[tuple[Json, Series]]:
    """Each query with its values. Raises MathError."""
    check(queries)
    period_s = period_of(queries)
    periods = range(int(start_s // period_s) * period_s, int(end_s), period_s)
    by_id = {query["Id"]: query for query in queries}
    known: dict[str, Series] = {}
    for name in TopologicalSorter({name: _uses(query) for name, query in by_id.items()}).static_order():
        query = by_id[name]
        if query.get("Expression"):
            found = metric_math.evaluate(metric_math.parse(query["Expression"]), known, periods)
            known[name] = dict.fromkeys(periods, found) if isinstance(found, float) else found
        else:
            known[name] = series(query["MetricStat"], start_s, end_s)
    yield from ((by_id[query["Id"]], known[query["Id"]]) for query in queries)


def install() -> None:
    from ministack.services import cloudwatch

    @replaces(MODULE, "_get_metric_data", source="bf6a8e1132a2")
    def get_metric_data(
        original: Callable[..., Answer], params: Any, data: Json, is_cbor: bool, is_json: bool = False
    ) -> Answer:
        asked = (data or {}).get("MetricDataQueries") or []
        if not any(query.get("Expression") for query in asked):
            return original(params, data, is_cbor, is_json)
        start_s, end_s = cloudwatch._parse_ts(data["StartTime"]), cloudwatch._parse_ts(data["EndTime"])
        try:
            results = [
                {
                    "Id": query["Id"],
                    "Label": query.get("Label", query["Id"]),
                    "StatusCode": "Complete",
                    "Timestamps": [cloudwatch._ts_iso(time) for time in found],
                    "Values": [*found.values()],
                }
                for query, found in evaluated(asked, start_s, end_s)
                if query.get("ReturnData", True)
            ]
        except MathError as error:
            refused: Answer = cloudwatch._error("ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor)
            return refused
        answer: Answer = (
            cloudwatch._cbor_ok({"MetricDataResults": [cloudwatch._cbor_metric_data_result(one) for one in results]})
            if is_cbor
            else cloudwatch._json_ok({"MetricDataResults": results})
        )
        return answer
