"""Short names of destinations are looked up, as the original does; full ones are taken as they are."""

from __future__ import annotations

from typing import Any

import pytest
from fake_platform import ACCOUNT, FakeAws, platform_of, refusal

from operations.errors import OperationError
from operations.fan_out.naming import full_name

pytestmark = pytest.mark.pure

TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:orders"


class Named(FakeAws):
    """An account with one of each that has a name."""

    def _list_topics(self) -> Any:
        return [{"Topics": [{"TopicArn": f"{TOPIC}-2"}]}, {"Topics": [{"TopicArn": TOPIC}]}]

    def describe_domain(self, DomainName: str) -> Any:  # noqa: N803
        endpoints = {"logs": {"Endpoint": "search-logs-a1.es"}, "inner": {"Endpoints": {"vpc": "vpc-inner-b2.es"}}}
        if DomainName not in endpoints:
            raise refusal("ResourceNotFoundException", "DescribeDomain")
        return {"DomainStatus": endpoints[DomainName]}

    def describe_endpoint(self, endpointType: str) -> Any:  # noqa: N803
        return {"endpointAddress": {"iot:Data-ATS": "a1b2-ats.iot.eu-west-1.amazonaws.com"}[endpointType]}

    def describe_cache_clusters(self, CacheClusterId: str) -> Any:  # noqa: N803
        return {"CacheClusters": [{"ConfigurationEndpoint": {"Address": "orders.cfg.cache", "Port": 11211}}]}

    def describe_replication_groups(self, ReplicationGroupId: str) -> Any:  # noqa: N803
        primary = {"NodeGroups": [{"PrimaryEndpoint": {"Address": "orders.ng.cache", "Port": 6379}}]}
        sharded = {"ConfigurationEndpoint": {"Address": "clustercfg.orders.cache", "Port": 6379}}
        return {"ReplicationGroups": [sharded if ReplicationGroupId == "sharded" else primary]}


def full(kind: str, destination: str, index: str | None = None) -> str:
    return full_name(platform_of(Named()), kind, destination, None, None, index)


@pytest.mark.parametrize(
    ("kind", "name", "index", "found"),
    [
        ("sqs", "orders", None, f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/orders"),
        ("sns", "orders", None, TOPIC),
        ("es", "logs", "doc/index", "search-logs-a1.es#doc/index"),
        ("es", "inner", "index", "vpc-inner-b2.es#index"),
        ("iot", "orders/new", None, "a1b2-ats.iot.eu-west-1.amazonaws.com#orders/new"),
        ("memcached", "orders", None, "orders.cfg.cache:11211"),
        ("redis", "orders", None, "orders.ng.cache:6379"),
        ("redis", "sharded", None, "clustercfg.orders.cache:6379"),
        ("kinesis", "orders", None, "orders"),
        ("firehose", "orders", None, "orders"),
        ("lambda", "orders:live", None, "orders:live"),
    ],
)
def test_a_name_is_looked_up(kind: str, name: str, index: str | None, found: str) -> None:
    assert full(kind, name, index) == found


@pytest.mark.parametrize(
    ("kind", "destination"),
    [
        ("sqs", f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/q"),
        ("sns", f"{TOPIC}-9"),
        ("es", "search-logs-a1.es#doc/index"),
        ("iot", "a1.iot.eu-west-1.amazonaws.com#topic"),
        ("memcached", "orders.cfg.cache:11211"),
        ("redis", "orders.ng.cache:6379"),
    ],
)
def test_a_full_destination_is_taken_as_it_is(kind: str, destination: str) -> None:
    assert full(kind, destination) == destination


@pytest.mark.parametrize(
    ("kind", "name", "index", "told"),
    [
        ("es", "search-a.es#doc/index", "i", "--index i: search-a.es#doc/index has its index behind the # already"),
        ("sns", "other", None, "--destination other: nothing of this name is there. Name one that is in account"),
        ("es", "other", "i", "--destination other: An error occurred (ResourceNotFoundException)"),
        ("sqs", "other", None, "--destination other: An error occurred (AWS.SimpleQueueService.NonExistentQueue)"),
    ],
)
def test_a_name_that_is_not_there_is_told(kind: str, name: str, index: str | None, told: str) -> None:
    with pytest.raises(OperationError) as error:
        full(kind, name, index)
    assert str(error.value).startswith(told)
