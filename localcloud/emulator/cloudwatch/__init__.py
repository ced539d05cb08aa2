"""What CloudWatch does besides storing metrics: alarms by periods and missing data, metric math, embedded metrics.

Each module names the page that it follows.
"""

from localcloud.emulator.cloudwatch import alarms, embedded_metrics, queries


def install() -> None:
    alarms.install()
    queries.install()
    embedded_metrics.install()
