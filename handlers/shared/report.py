"""The one line that an invocation logs: what it did, in JSON, with its metrics in the embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from handlers.shared.time_budget import LambdaContext

__all__ = ["NAMESPACE", "log_invocation", "log_line"]

NAMESPACE = "Tributary"


def log_invocation(
    context: LambdaContext, metrics: Mapping[str, tuple[float, str]], details: Mapping[str, object]
) -> None:
    """Prints the line of an invocation. The metrics have one dimension, FunctionName."""
    log_line(metrics, {"FunctionName": context.function_name}, {"requestId": context.aws_request_id, **details})


def log_line(
    metrics: Mapping[str, tuple[float, str]], dimensions: Mapping[str, str], details: Mapping[str, object]
) -> None:
    """Prints a line. `metrics` maps a metric's name to its value and CloudWatch unit; `details` is only logged."""
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [list(dimensions)],
                    "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.items()],
                }
            ],
        },
        **dimensions,
        **{name: value for name, (value, _) in metrics.items()},
        **details,
    }
    print(json.dumps(line, separators=(",", ":")), flush=True)
