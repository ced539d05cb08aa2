"""How a function's asynchronous invocations are set, read from the emulator's record at every attempt.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_RETRIES = 2
DEFAULT_AGE_S = 21_600


@dataclass(frozen=True)
class Settings:
    """`dead_letter_arn` is the function's own, the rest that of the version or alias that was invoked."""

    role_arn: str
    retries: int = DEFAULT_RETRIES
    maximum_age_s: int = DEFAULT_AGE_S
    on_success_arn: str | None = None
    on_failure_arn: str | None = None
    dead_letter_arn: str | None = None
    reserved_concurrency: int | None = None

    @classmethod
    def of(cls, function: Mapping[str, Any], config: Mapping[str, Any], qualifier: str | None) -> "Settings":
        """The settings in the emulator's records of a function and of the version invoked."""
        from ministack.services import lambda_svc

        chosen = lambda_svc._event_invoke_config(function, None if qualifier == "$LATEST" else qualifier) or {}
        destinations = chosen.get("DestinationConfig") or {}
        retries, age_s = chosen.get("MaximumRetryAttempts"), chosen.get("MaximumEventAgeInSeconds")
        return cls(
            role_arn=str(config.get("Role", "")),
            retries=DEFAULT_RETRIES if retries is None else int(retries),
            maximum_age_s=DEFAULT_AGE_S if age_s is None else int(age_s),
            on_success_arn=(destinations.get("OnSuccess") or {}).get("Destination"),
            on_failure_arn=(destinations.get("OnFailure") or {}).get("Destination"),
            dead_letter_arn=(config.get("DeadLetterConfig") or {}).get("TargetArn"),
            reserved_concurrency=lambda_svc._reserved_concurrency(function, config),
        )
