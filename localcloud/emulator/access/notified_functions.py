"""SNS invokes a function only as the function's resource policy says, in whichever account the function is.

https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html
https://docs.aws.amazon.com/sns/latest/dg/sns-send-message-to-lambda-cross-account.html
"""

import logging
from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope

from localcloud.emulator.access.authorization import service_allowed
from localcloud.emulator.access.resource_policies import resource_policy
from localcloud.emulator.patching import replaces

_logger = logging.getLogger(__name__)


def install() -> None:
    """Ask the function's policy before a notification invokes it."""

    @replaces("ministack.services.sns", "_deliver_to_lambda", source="aa6b8a8c312e")
    def deliver(original: Callable[..., Any], endpoint: str, envelope: str, topic_arn: str, *rest: Any) -> Any:
        action = "lambda:InvokeFunction"
        policy = resource_policy(action, endpoint)
        account_id, region = topic_arn.split(":")[4], endpoint.split(":")[3]
        document = policy.document if policy is not None else None
        if not service_allowed(document, "sns.amazonaws.com", action, endpoint, topic_arn, account_id):
            _logger.warning("%s may not invoke %s: its resource policy does not allow it", topic_arn, endpoint)
            return None
        with request_scope(endpoint.split(":")[4], region):
            return original(endpoint, envelope, topic_arn, *rest)
