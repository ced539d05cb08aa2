"""Lets a request that names a resource of another account act in that account, once it is authorized there.

The emulator looks every resource up in the caller's account. Authorization has looked at the ARN already, on both
sides, so what remains is to serve the request where the resource is.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
"""

from ministack.core.responses import get_account_id, set_request_account_id

from localcloud.emulator.access.request_resources import resource_of
from localcloud.emulator.request_gate import Call, Response, before, json_error

# The KMS operations that work on a key of another account.
# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
_KMS_ACROSS_ACCOUNTS = frozenset(
    f"kms:{name}"
    for name in (
        "CreateGrant",
        "Decrypt",
        "DeriveSharedSecret",
        "DescribeKey",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GetKeyRotationStatus",
        "GetPublicKey",
        "ListGrants",
        "ReEncrypt",
        "RetireGrant",
        "RevokeGrant",
        "Sign",
        "Verify",
        "VerifyMac",
    )
)


def install() -> None:
    """Serve requests for resources of other accounts."""

    @before("dynamodb", "dynamodbstreams", "kinesis", "kms", "lambda")
    def serve_in_the_owners_account(call: Call) -> Response | None:
        arn = resource_of(call)
        parts = arn.split(":", 5)
        owner = parts[4] if len(parts) == 6 else ""
        if len(owner) != 12 or owner == get_account_id():
            return None
        if call.service == "kms" and call.action not in _KMS_ACROSS_ACCOUNTS:
            return json_error(
                "AccessDeniedException", f"{call.action} does not work on a key of another account: {arn}"
            )
        set_request_account_id(owner)  # for the rest of this request
        return None
