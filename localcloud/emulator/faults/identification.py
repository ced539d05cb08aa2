"""Says what an API request is: its accounts, operation and resources, as far as fault rules select by them."""

from collections.abc import Mapping
from typing import Any

from localcloud.emulator.faults.rules import Call

# Where the IAM action is named otherwise than the operation: https://docs.aws.amazon.com/service-
# authorization/latest/reference/
OPERATIONS = {"lambda:InvokeFunction": "Invoke"}


def identify(
    service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
) -> tuple[Call, str]:
    """The call that rules are matched against, and its IAM action (empty when it has none)."""
    from ministack import app
    from ministack.core import iam_actions
    from ministack.core.responses import get_account_id, get_region
    from ministack.core.router import extract_access_key_id

    account_id, region = get_account_id(), get_region()
    params = app._routing_params(method, path, dict(headers), body, dict(query_params))
    action = iam_actions.extract_iam_action(service, method, path, dict(headers), body, params) or ""
    resources = [
        iam_actions.extract_resource_arn(service, method, path, dict(headers), body, params, region, account_id)
    ]
    if service == "dynamodb":
        resources.extend(iam_actions.dynamodb_resource_arns(body, region, account_id))
    owners = {arn.split(":")[4] for arn in resources if arn.count(":") >= 5} - {""}
    operation = OPERATIONS.get(action, action.partition(":")[2])
    access_key = extract_access_key_id(dict(headers), dict(query_params)) or ""
    return Call((account_id, *sorted(owners)), service, operation, tuple(resources), access_key), action
