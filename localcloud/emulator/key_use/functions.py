"""Lambda with a customer key: who configures a function lets Lambda use the key for its variables by a grant.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
"""

from ministack.core.responses import get_region

from localcloud.emulator.access.callers import caller
from localcloud.emulator.access.keys import Failure, KmsError
from localcloud.emulator.key_use.asking import require_key
from localcloud.emulator.request_gate import Call, Response, before, json_error

_CODES = {
    Failure.ACCESS_DENIED: "KMSAccessDeniedException",
    Failure.DISABLED: "KMSDisabledException",
    Failure.INVALID_STATE: "KMSInvalidStateException",
    Failure.NOT_FOUND: "KMSNotFoundException",
}


def install() -> None:
    """Ask the function's key when it is configured."""

    @before("lambda")
    def use_the_functions_key(call: Call) -> Response | None:
        key = call.data.get("KMSKeyArn")
        if call.action not in ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration") or not key:
            return None
        try:
            for action in ("kms:CreateGrant", "kms:Encrypt"):
                require_key(caller(), str(key), action, get_region(), via="lambda")
        except KmsError as error:
            code = "InvalidParameterValueException"
            return json_error(code, f"Lambda was unable to use the KMS key: {_CODES[error.failure]}: {error.message}")
        return None
