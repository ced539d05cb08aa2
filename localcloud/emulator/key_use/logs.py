"""CloudWatch Logs with a customer key: the service itself uses it, for the log groups that its policy names.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
"""

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator.access.keys import KmsError
from localcloud.emulator.key_use.asking import require_key_for_service
from localcloud.emulator.request_gate import Call, Response, before, json_error

_ACTIONS = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey")


def install() -> None:
    """Ask the key when a log group gets one."""

    @before("logs")
    def use_the_groups_key(call: Call) -> Response | None:
        """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html"""
        key, group = call.data.get("kmsKeyId"), call.data.get("logGroupName")
        if call.action not in ("logs:CreateLogGroup", "logs:AssociateKmsKey") or not key or not group:
            return None
        region, account_id = get_region(), get_account_id()
        arn = f"arn:aws:logs:{region}:{account_id}:log-group:{group}"
        try:
            for action in _ACTIONS:
                context = {"aws:logs:arn": arn}
                require_key_for_service(f"logs.{region}.amazonaws.com", str(key), action, arn, account_id, context)
        except (KmsError, IndexError) as error:
            return json_error(
                "InvalidParameterException",
                f"The specified KMS key does not exist or is not allowed to be used with LogGroup '{arn}' ({error})",
            )
        return None
