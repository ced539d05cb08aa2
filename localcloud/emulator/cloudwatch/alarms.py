"""Metric alarms are evaluated as time goes by, over whole periods, by their metric with all its dimensions or by math.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html. CloudWatch looks once a minute;
the local cloud does every few seconds and whenever alarms are described, and takes the period that has begun into
account as soon as it has data. `/_tributary/alarms` says what the alarms would say later, if nothing happened until
then.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack.core.responses import request_scope

from localcloud.emulator import control
from localcloud.emulator.cloudwatch import queries
from localcloud.emulator.cloudwatch.alarm_states import COMPARISONS, MORE_PERIODS, state_of
from localcloud.emulator.cloudwatch.metric_math import MathError, Series
from localcloud.emulator.control import RefusedError, Request
from localcloud.emulator.patching import replaces

INTERVAL_S = 5.0
MODULE = queries.MODULE

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
# What a metric alarm says of its one metric, and one on math does not.
_OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


def datapoints(alarm: Mapping[str, Any], now_s: float) -> list[float | None]:
    """What an alarm looks at, in the account and Region of the request; the period that has begun only with data."""
    asked = alarm.get("Metrics") or [{"Id": "m1", "ReturnData": True, "MetricStat": queries.metric(alarm)}]
    period_s = queries.period_of(asked)
    current = int(now_s // period_s) * period_s
    periods = int(alarm["EvaluationPeriods"]) + MORE_PERIODS
    start_s = current - periods * period_s
    # One period more, for what looks back.
    found = queries.evaluated(asked, start_s - period_s, current + period_s)
    values: Series = next(series for query, series in found if query.get("ReturnData", True))
    looked_at = range(start_s, current + period_s * (current in values), period_s)
    return [values.get(time) for time in looked_at]


def evaluate(alarm: Json, now_s: float) -> None:
    """Bring an alarm's state up to date, and do what it says on a change. Raises MathError."""
    from ministack.services import cloudwatch

    seen = datapoints(alarm, now_s)
    before, state = alarm["StateValue"], state_of(alarm, seen)
    if state == before:
        return
    reason = f"Threshold Crossed: {seen} by {alarm['ComparisonOperator']} {alarm['Threshold']}"
    alarm |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def evaluate_all() -> None:
    """Bring every alarm of every account up to date."""
    from ministack.services import cloudwatch

    for (account_id, region, _), alarm in list(cloudwatch._alarms.all_items()):
        with request_scope(account_id, region):
            cloudwatch._evaluate_alarm(alarm)


def serve(request: Request) -> dict[str, str]:
    """POST `account`, `region`, `later_s`: the alarms by name as they would be so many seconds from now.

    Raises RefusedError. Nothing changes.
    """
    from ministack.services import cloudwatch

    if request.method != "POST" or not {"account", "region", "later_s"} <= request.body.keys():
        raise RefusedError(400, "/_tributary/alarms takes POST with `account`, `region` and `later_s`.")
    scope = request.body["account"], request.body["region"]
    then_s = time.time() + float(request.body["later_s"])
    with request_scope(*scope):
        return {name: state_of(alarm, datapoints(alarm, then_s)) for name, alarm in list(cloudwatch._alarms.items())}


def _look_for_ever() -> None:
    pause = threading.Event()
    while not pause.wait(INTERVAL_S):
        try:
            evaluate_all()
        except Exception:  # the next look must take place whatever this one met
            logging.getLogger(__name__).exception("evaluating alarms failed")


def _refusals(metrics: list[Json], alarm: Mapping[str, Any]) -> Iterator[str]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (Metrics)"""
    if given := [name for name in _OF_ONE_METRIC if alarm.get(name)]:
        yield f"Metrics and {given[0]} exclude each other."
    if sum(query.get("ReturnData", True) for query in metrics) != 1:
        yield "Exactly one of the metric queries must return data."
    try:
        queries.check(metrics)
    except MathError as error:
        yield str(error)


def install() -> None:
    from ministack.services import cloudwatch

    threading.Thread(target=_look_for_ever, name="alarms", daemon=True).start()
    control.route("alarms", serve)

    @replaces(MODULE, "_evaluate_alarm", source="a0b0acd3d432")
    def evaluate_alarm(_original: Callable[[Json], None], alarm: Json) -> None:
        # One on math is not complete yet when the emulator asks, and no anomaly is detected here.
        if alarm.get("ComparisonOperator") in COMPARISONS and (alarm.get("Namespace") or alarm.get("Metrics")):
            evaluate(alarm, time.time())

    @replaces(MODULE, "_put_metric_alarm", source="953a67ff4bb1")
    def put_metric_alarm(
        original: Callable[..., Answer], params: Any, data: Json, is_cbor: bool, is_json: bool = False
    ) -> Answer:
        metrics = (data or {}).get("Metrics") or []
        if metrics and (refusal := next(_refusals(metrics, data), None)):
            refused: Answer = cloudwatch._error("ValidationError", refusal, 400, use_json=is_json, use_cbor=is_cbor)
            return refused
        answer = original(params, data, is_cbor, is_json)
        if metrics and answer[0] == 200:
            alarm = cloudwatch._alarms[data["AlarmName"]]
            for name in _OF_ONE_METRIC:
                alarm.pop(name, None)
            alarm["Metrics"] = metrics
            evaluate(alarm, time.time())
        return answer

    @replaces(MODULE, "_describe_alarms", source="ab8f092ff9ae")
    def describe_alarms(original: Callable[..., Answer], *asked: Any, **options: Any) -> Answer:
        cloudwatch._evaluate_all_alarms()
        return original(*asked, **options)
