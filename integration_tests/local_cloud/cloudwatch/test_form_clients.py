"""Clients that speak CloudWatch's Query protocol get what others get: Terraform's AWS provider 5, older CLIs and SDKs.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/making-api-requests.html
"""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from integration_tests.support.addressing import Clients, Cloud

pytestmark = [pytest.mark.local, pytest.mark.differs("plain", "answers to forms lack half of an alarm")]

ALARM = {
    "AlarmName": "late",
    "AlarmDescription": "Records are <late> & many.",
    "ActionsEnabled": "true",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": "3",
    "Threshold": "1.5",
    "TreatMissingData": "notBreaching",
    "Metrics.member.1.Id": "arrived",
    "Metrics.member.1.Expression": "FILL(metric, 0)",
    "Metrics.member.2.Id": "metric",
    "Metrics.member.2.ReturnData": "false",
    "Metrics.member.2.MetricStat.Metric.Namespace": "Story",
    "Metrics.member.2.MetricStat.Metric.MetricName": "Late",
    "Metrics.member.2.MetricStat.Period": "60",
    "Metrics.member.2.MetricStat.Stat": "Sum",
}


@pytest.fixture
def owner(account: Callable[[], str], clients: Callable[[str], Clients]) -> Clients:
    return clients(account())


@pytest.fixture
def ask(cloud: Cloud, owner: Clients) -> Callable[..., tuple[int, ElementTree.Element]]:
    """`ask("DeleteAlarms", **form)`: status, and the answer's XML without namespaces."""

    def asked(action: str, **form: str) -> tuple[int, ElementTree.Element]:
        url = cloud.endpoint or f"https://monitoring.{cloud.region}.amazonaws.com/"
        data = urllib.parse.urlencode({"Action": action, "Version": "2010-08-01", **form})
        content = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        signed = AWSRequest("POST", url, headers=content, data=data)
        SigV4Auth(owner.session.get_credentials(), "monitoring", cloud.region).add_auth(signed)
        request = urllib.request.Request(url, data.encode(), dict(signed.headers.items()))
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        found = ElementTree.fromstring(text)
        for element in found.iter():
            element.tag = element.tag.rpartition("}")[2]
        return status, found

    return asked


def test_an_alarm_on_math_is_made_described_and_deleted(
    owner: Clients, ask: Callable[..., tuple[int, ElementTree.Element]]
) -> None:
    assert ask("PutMetricAlarm", **ALARM)[0] == 200
    [made] = owner.cloudwatch.describe_alarms(AlarmNames=["late"])["MetricAlarms"]
    assert made["ActionsEnabled"] is True
    assert made["Threshold"] == 1.5
    assert [(query["Id"], query.get("ReturnData", True)) for query in made["Metrics"]] == [
        ("arrived", True),
        ("metric", False),
    ]

    status, described = ask("DescribeAlarms", **{"AlarmNames.member.1": "late"})
    [alarm] = described.findall("DescribeAlarmsResult/MetricAlarms/member")
    assert status == 200
    told = {name: alarm.findtext(name) for name in ("AlarmDescription", "ActionsEnabled", "TreatMissingData")}
    assert told == {
        "AlarmDescription": ALARM["AlarmDescription"],
        "ActionsEnabled": "true",
        "TreatMissingData": "notBreaching",
    }
    assert [query.findtext("Id") for query in alarm.findall("Metrics/member")] == ["arrived", "metric"]
    assert (alarm.findtext("StateUpdatedTimestamp") or "").endswith("Z")

    assert ask("DeleteAlarms", **{"AlarmNames.member.1": "late"})[0] == 200
    assert owner.cloudwatch.describe_alarms(AlarmNames=["late"])["MetricAlarms"] == []


def test_a_refusal_is_xml_with_aws_code(ask: Callable[..., tuple[int, ElementTree.Element]]) -> None:
    wrong = {**ALARM, "TreatMissingData": "notBreaching", "ComparisonOperator": "Greater"}
    status, refused = ask("PutMetricAlarm", **wrong)
    assert (status, refused.findtext("Error/Code")) == (400, "ValidationError")
    assert "comparisonOperator" in (refused.findtext("Error/Message") or "")

    status, refused = ask("GetDashboard", DashboardName="none")
    assert status == 404
    assert refused.findtext("Error/Code") == "ResourceNotFound"
