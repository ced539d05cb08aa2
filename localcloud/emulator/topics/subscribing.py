"""What Subscribe and SetSubscriptionAttributes refuse.

https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn

from localcloud.emulator.patching import replaces
from localcloud.emulator.topics.errors import Answer, RefusedError, refusal
from localcloud.emulator.topics.filter_policies import SCOPES, PolicyError, require_policy

Params = Mapping[str, Any]

PROTOCOLS = ("http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose")
# Whose deliveries can be raw: https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html
RAW_PROTOCOLS = ("http", "https", "sqs", "firehose")
# https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-delivery.html
FIFO_PROTOCOLS = ("sqs",)
ATTRIBUTES = (
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
    "SubscriptionRoleArn",
)


def require_endpoint(protocol: str, endpoint: str, topic_arn: str) -> None:
    """Raise RefusedError unless a topic of this kind delivers to such an endpoint."""
    if protocol not in PROTOCOLS:
        raise RefusedError(
            f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}",
        )
    fifo_topic = topic_arn.endswith(".fifo")
    if fifo_topic and protocol not in FIFO_PROTOCOLS:
        raise RefusedError(
            f"Invalid parameter: Invalid protocol type: {protocol}. A FIFO topic delivers to "
            f"{', '.join(FIFO_PROTOCOLS)} only"
        )
    if protocol == "sqs" and endpoint.endswith(".fifo") and not fifo_topic:
        raise RefusedError(
            "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard "
            "SNS topics"
        )
    if protocol == "firehose" and not _is_of(endpoint, "firehose", "deliverystream/"):
        raise RefusedError(f"Invalid parameter: Firehose endpoint ARN: {endpoint}")


def require_attributes(
    attributes: Mapping[str, str], protocol: str, endpoint: str, topic_arn: str, reason: str = ""
) -> None:
    """Raise RefusedError for the first attribute that a subscription cannot have; `reason` goes before the message."""
    scope = attributes.get("FilterPolicyScope") or SCOPES[0]
    problem = None
    if set(attributes) - set(ATTRIBUTES):
        problem = f"AttributeName: {min(set(attributes) - set(ATTRIBUTES))}"
    elif scope not in SCOPES:
        problem = f"FilterPolicyScope: Invalid value [{scope}]. Please use either MessageBody or MessageAttributes"
    elif (raw := attributes.get("RawMessageDelivery")) and raw.lower() not in ("true", "false"):
        problem = f"RawMessageDelivery: Invalid value [{raw}]. Must be true or false."
    elif raw and raw.lower() == "true" and protocol not in RAW_PROTOCOLS:
        problem = f"Delivery protocol [{protocol}] does not support raw message delivery."
    elif protocol == "firehose" and not _is_of(attributes.get("SubscriptionRoleArn") or "", "iam", "role/"):
        problem = "SubscriptionRoleArn: a subscription of the protocol firehose needs the ARN of a role"
    elif attributes.get("RedrivePolicy"):
        problem = _redrive_problem(attributes["RedrivePolicy"], topic_arn, endpoint)
    if problem is None and attributes.get("FilterPolicy"):
        try:
            require_policy(attributes["FilterPolicy"], scope)
        except PolicyError as error:
            problem = str(error)
    if problem is not None:
        raise RefusedError(f"Invalid parameter: {reason}{problem}")


def _redrive_problem(text: str, topic_arn: str, endpoint: str) -> str | None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-configure-dead-letter-queue.html"""
    try:
        target = json.loads(text)["deadLetterTargetArn"]
    except (ValueError, KeyError, TypeError):
        return "RedrivePolicy: failed to parse JSON."
    if not _is_of(str(target), "sqs", ""):
        return "RedrivePolicy: deadLetterTargetArn is an invalid arn"
    if target.split(":")[3:5] != topic_arn.split(":")[3:5]:
        return "RedrivePolicy: the dead-letter queue has to be in the account and Region of the subscription"
    if topic_arn.endswith(".fifo") and endpoint.endswith(".fifo") and not target.endswith(".fifo"):
        return "RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
    if target.endswith(".fifo") and not topic_arn.endswith(".fifo"):
        return "RedrivePolicy: must use a standard queue as DLQ for a standard topic"
    return None


def _is_of(text: str, service: str, resource: str) -> bool:
    try:
        spec = parse_arn(text)
    except ArnParseError:
        return False
    return bool(spec.service == service and spec.account_id and spec.resource.startswith(resource))


def _subscribe(original: Callable[[Params], Answer], params: Params) -> Answer:
    from ministack.services import sns

    arn, protocol, endpoint = (sns._p(params, name) for name in ("TopicArn", "Protocol", "Endpoint"))
    topic = sns._topic_by_arn_any_scope(sns._normalize_arn(arn))
    attributes, number = {}, 1
    while name := sns._p(params, f"Attributes.entry.{number}.key"):
        attributes[name] = sns._p(params, f"Attributes.entry.{number}.value")
        number += 1
    try:
        if topic is not None:
            require_endpoint(protocol, endpoint, topic["arn"])
            require_attributes(attributes, protocol, endpoint, topic["arn"], "Attributes Reason: ")
            _require_unchanged(topic, protocol, endpoint, attributes)
    except RefusedError as refused:
        return refusal(refused)
    answer = original(params)
    for subscription in (topic or {}).get("subscriptions", []):
        if subscription["attributes"].get("FilterPolicy"):
            subscription["attributes"].setdefault("FilterPolicyScope", SCOPES[0])
    return answer


def _require_unchanged(topic: Mapping[str, Any], protocol: str, endpoint: str, attributes: Mapping[str, str]) -> None:
    """The same endpoint again is the same subscription, unless its attributes are to be others."""
    for existing in topic["subscriptions"]:
        known = existing["attributes"]
        if (existing["protocol"], existing["endpoint"]) == (protocol, endpoint) and any(
            known.get(name) != value for name, value in attributes.items()
        ):
            raise RefusedError(
                "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
            )


def _set_attributes(original: Callable[[Params], Answer], params: Params) -> Answer:
    from ministack.services import sns

    arn, name, value = (sns._p(params, key) for key in ("SubscriptionArn", "AttributeName", "AttributeValue"))
    topic_arn = sns._sub_arn_to_topic.get(arn)
    subscription = sns._find_subscription(topic_arn, arn) if topic_arn else None
    if subscription is None:
        return original(params)
    known = {key: text for key, text in subscription["attributes"].items() if key in ATTRIBUTES}
    try:
        require_attributes({**known, name: value}, subscription["protocol"], subscription["endpoint"], topic_arn)
    except RefusedError as refused:
        return refusal(refused)
    answer = original(params)
    if name in ("FilterPolicy", "RedrivePolicy") and not value:
        subscription["attributes"].pop(name, None)
    return answer


def install() -> None:
    module = "ministack.services.sns"
    replaces(module, "_subscribe", source="db260c543268")(_subscribe)
    replaces(module, "_set_subscription_attributes", source="d98a75e05453")(_set_attributes)
