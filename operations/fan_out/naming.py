"""Finds what a destination is called in full, where the command line has its short name, as the original did."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from operations.errors import OperationError
from operations.fan_out.platform import Platform


def full_name(
    platform: Platform, kind: str, destination: str, region: str | None, role: str | None, index: str | None
) -> str:
    """The destination as a row has it. Names are looked up in the platform's account. Raises OperationError."""
    if index is not None and kind != "es":
        raise OperationError(f"--index {index}: only targets of type es have an index; leave it out.")
    if kind not in NAMES or NAMES[kind].is_full(destination):
        if index is not None:
            raise OperationError(
                f"--index {index}: {destination} has its index behind the # already; leave --index out."
            )
        return destination
    name = NAMES[kind]
    if role is not None:
        raise OperationError(
            f"--destination {destination}: with --destination-role-arn it must be {name.full}, since names are looked "
            f"up in account {platform.at.stack.account_id} only."
        )
    if kind == "es" and index is None:
        raise OperationError(
            f"--destination {destination}: a domain's name needs `--index` with the index; or give {name.full}."
        )
    try:
        found = name.find(platform.client(name.service, region), destination)
    except (ClientError, LookupError) as error:
        told = error if isinstance(error, ClientError) else "nothing of this name is there"
        raise OperationError(
            f"--destination {destination}: {told}. Name one that is in account {platform.at.stack.account_id} and "
            f"{region or platform.at.stack.region}, or give {name.full}."
        ) from None
    return f"{found}#{index}" if index is not None else found


class Name:
    """How the destinations of a type are told and found by their short names."""

    def __init__(self, service: str, full: str, marks: tuple[str, ...], find: Callable[[Any, str], str]) -> None:
        self.service = service
        self.full = full
        self._marks = marks
        self.find = find

    def is_full(self, destination: str) -> bool:
        """Whether this is more than a name."""
        return any(mark in destination for mark in self._marks)


def _queue(sqs: Any, name: str) -> str:
    return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])


def _topic(sns: Any, name: str) -> str:
    pages = sns.get_paginator("list_topics").paginate()
    arns = (topic["TopicArn"] for page in pages for topic in page["Topics"])
    found = next((arn for arn in arns if arn.rpartition(":")[2] == name), None)
    if found is None:
        raise LookupError(name)
    return str(found)


def _domain(opensearch: Any, name: str) -> str:
    status = opensearch.describe_domain(DomainName=name)["DomainStatus"]
    return str(status.get("Endpoint") or status["Endpoints"]["vpc"])


def _endpoint(iot: Any, topic: str) -> str:
    """https://docs.aws.amazon.com/iot/latest/developerguide/iot-connect-devices.html (iot:Data-ATS)"""
    return f"{iot.describe_endpoint(endpointType='iot:Data-ATS')['endpointAddress']}#{topic}"


def _cluster(elasticache: Any, name: str) -> str:
    [cluster] = elasticache.describe_cache_clusters(CacheClusterId=name)["CacheClusters"]
    return _address(cluster["ConfigurationEndpoint"])


def _group(elasticache: Any, name: str) -> str:
    [group] = elasticache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"]
    return _address(group.get("ConfigurationEndpoint") or group["NodeGroups"][0]["PrimaryEndpoint"])


def _address(endpoint: Mapping[str, Any]) -> str:
    return f"{endpoint['Address']}:{endpoint['Port']}"


# Names of streams, delivery streams and functions are full ones.
NAMES: Mapping[str, Name] = {
    "sqs": Name("sqs", "the queue's URL or ARN", (":",), _queue),
    "sns": Name("sns", "the topic's ARN", (":",), _topic),
    "es": Name("opensearch", "the domain's endpoint and the index, with # between them", ("#",), _domain),
    "iot": Name("iot", "the account's endpoint and the topic, with # between them", ("#",), _endpoint),
    "memcached": Name("elasticache", "the cluster's configuration endpoint", (".",), _cluster),
    "redis": Name("elasticache", "the cache's primary or configuration endpoint", (".",), _group),
}
