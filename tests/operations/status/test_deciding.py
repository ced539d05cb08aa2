"""What needs a person, of each kind of resource; each finding names the command to type next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from operations.status import alarms, delivery_streams, error_prefixes, functions, mappings
from operations.status.alarms import Alarm
from operations.status.delivery_streams import DeliveryStream
from operations.status.error_prefixes import ErrorPrefix
from operations.status.findings import Place
from operations.status.functions import Function
from operations.status.mappings import EventSourceMapping

pytestmark = pytest.mark.pure

PLACE = Place("workshop", "eu-west-1", lambda service: None)
STREAM = "arn:aws:dynamodb:eu-west-1:444444444444:table/logfile/stream/2026-11-28T10:00:00.000"
MAPPING = EventSourceMapping(
    instance="logfile",
    function="replicator",
    source_arn=STREAM,
    state="Enabled",
    result="OK",
    age_s=2.0,
    longest_s=43_200,
    bucket="failures",
    batches=0,
    poison=0,
    others=0,
    stream_now=None,
)
FUNCTION = Function("logfile", "replicator", "Active", None, 0)
DELIVERY = DeliveryStream("copy", "lake", "ACTIVE", 10.0, 300, "/aws/kinesisfirehose/lake")
ERRORS = ErrorPrefix("lake", "the-lake", "errors/", 0)
ALARM = Alarm("logfile", "tributary-logfile-replicator-errors", "OK", "2026-11-28T10:00:00+00:00", "Look at the log.")


def told(module: Any, seen: Any) -> list[tuple[str, str]]:
    return [(one.problem, one.next) for one in module.decide(PLACE, seen)]


@pytest.mark.parametrize(
    ("module", "seen"),
    [
        (mappings, MAPPING),
        (mappings, replace(MAPPING, result="No records processed", age_s=None)),
        (mappings, replace(MAPPING, state="Creating")),
        (mappings, replace(MAPPING, age_s=10_800.0)),
        (mappings, replace(MAPPING, age_s=99_999.0, longest_s=None)),
        (functions, FUNCTION),
        (functions, replace(FUNCTION, state="Inactive", waiting=None)),
        (delivery_streams, DELIVERY),
        (delivery_streams, replace(DELIVERY, freshness_s=None)),
        (delivery_streams, replace(DELIVERY, freshness_s=900.0)),
        (error_prefixes, ERRORS),
        (alarms, ALARM),
        (alarms, replace(ALARM, state="INSUFFICIENT_DATA")),
    ],
)
def test_what_is_well_needs_nobody(module: Any, seen: Any) -> None:
    assert told(module, seen) == []


@pytest.mark.parametrize(
    ("module", "seen", "problem", "following"),
    [
        (
            error_prefixes,
            replace(ERRORS, objects=2),
            "2 objects with changes that are not in the lake wait below s3://the-lake/errors/",
            "tributary redrive workshop --instance lake",
        ),
        (
            mappings,
            replace(MAPPING, state="Disabled", result="PROBLEM: whatever it was"),
            "it is paused: what",
            "tributary resume workshop --instance logfile",
        ),
        (mappings, replace(MAPPING, state="gone"), "its mapping is gone", "pulumi up --refresh --stack workshop"),
        (
            mappings,
            replace(MAPPING, result="PROBLEM: Function call failed"),
            "its mapping says: PROBLEM: Function call failed",
            "aws logs tail /aws/lambda/replicator --since 15m --region eu-west-1",
        ),
        (
            mappings,
            replace(MAPPING, stream_now=f"{STREAM}-2"),
            f"the table's stream is {STREAM}-2 now",
            "`tributary verify workshop --instance logfile` says how to have it read that one",
        ),
        (mappings, replace(MAPPING, stream_now=""), "the table has no stream now", "tributary verify"),
        (
            mappings,
            replace(MAPPING, age_s=10_801.0),
            "it is 10801 s behind, and gives records up at 43200 s",
            "logs tail",
        ),
        (
            mappings,
            replace(MAPPING, batches=1),
            "1 batch given up wait in failures",
            "tributary redrive workshop --instance logfile",
        ),
        (
            mappings,
            replace(MAPPING, poison=3),
            "3 records that cannot be applied as they are wait in failures",
            "aws s3 ls s3://failures/poison/replicator/ --recursive",
        ),
        (
            mappings,
            replace(MAPPING, others=10_000),
            "10000 or more batches of mappings that are there no more",
            "tributary redrive workshop",
        ),
        (functions, replace(FUNCTION, waiting=7), "7 records wait", "aws logs tail /aws/lambda/replicator --since 15m"),
        (functions, replace(FUNCTION, state="Failed"), "it is Failed", "aws lambda get-function --function-name"),
        (functions, replace(FUNCTION, state="gone"), "it is not there any more", "pulumi up --refresh"),
        (
            functions,
            replace(FUNCTION, reserved_concurrency=0),
            "its reserved concurrency is 0",
            "aws lambda delete-function-concurrency --function-name replicator --region eu-west-1",
        ),
        (
            delivery_streams,
            replace(DELIVERY, state="CREATING_FAILED"),
            "it is CREATING_FAILED",
            "describe-delivery-stream",
        ),
        (delivery_streams, replace(DELIVERY, state="gone"), "not there any more", "pulumi up --refresh"),
        (
            delivery_streams,
            replace(DELIVERY, freshness_s=901.0),
            "a record waits for 901 s",
            "aws logs tail /aws/kinesisfirehose/lake --since 1h",
        ),
        (
            alarms,
            replace(ALARM, state="ALARM"),
            "this alarm is on since 2026-11-28T10:00:00+00:00. Look at the log.",
            "aws cloudwatch describe-alarm-history --alarm-name tributary-logfile-replicator-errors",
        ),
        (alarms, replace(ALARM, state="gone"), "not there any more", "pulumi up --refresh"),
    ],
)
def test_what_is_not_well_is_named_with_what_to_type_next(module: Any, seen: Any, problem: str, following: str) -> None:
    [(found, next_)] = told(module, seen)
    assert problem in found
    assert following in next_


def test_every_finding_of_a_mapping_is_told() -> None:
    worst = replace(MAPPING, state="Disabled", stream_now="", age_s=50_000.0, batches=2, poison=1, others=1)
    assert len(told(mappings, worst)) == 6
