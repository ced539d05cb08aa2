"""SNS's refusals, by the error codes of the API's model, which are not the names of its exceptions.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html (Errors): InvalidParameter is InvalidParameterException's.
"""

from collections.abc import Callable

from ministack.core.responses import new_uuid

from localcloud.emulator.patching import replaces

Answer = tuple[int, dict[str, str], bytes]

# Where the emulator answers with an exception's name.
CODES = {
    "InvalidParameterException": "InvalidParameter",
    "InvalidParameterValueException": "ParameterValueInvalid",
    "ResourceNotFoundException": "ResourceNotFound",
}


class RefusedError(ValueError):
    """SNS refuses; `code` is the error's code."""

    def __init__(self, message: str, code: str = "InvalidParameter", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def refusal(refused: RefusedError) -> Answer:
    """The answer to a refused request."""
    from ministack.services import sns

    answer: Answer = sns._error(refused.code, str(refused), refused.status)
    answer[1].setdefault("x-amzn-requestid", new_uuid())
    return answer


def install() -> None:
    @replaces("ministack.services.sns", "_error", source="862fe92306ca")
    def error(original: Callable[[str, str, int], Answer], code: str, message: str, status: int) -> Answer:
        return original(CODES.get(code, code), message, status)
