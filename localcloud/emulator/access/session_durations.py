"""How long a session of AssumeRole may last: from 15 minutes to what the role allows, an hour by role chaining.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (DurationSeconds)
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html (role chaining)
"""

from localcloud.emulator.access.authorization import role_record
from localcloud.emulator.access.callers import caller
from localcloud.emulator.request_gate import Call, Response, before

SHORTEST_S = 900
LONGEST_BY_CHAINING_S = 3600


def _too_short_or_long(duration_s: int, role_arn: str) -> str | None:
    """What is wrong with the duration for the caller and the role, None when it is allowed."""
    if duration_s < SHORTEST_S:
        return (
            f"1 validation error detected: Value '{duration_s}' at 'durationSeconds' failed to satisfy constraint: "
            f"Member must have value greater than or equal to {SHORTEST_S}"
        )
    if caller().role_arn is not None and duration_s > LONGEST_BY_CHAINING_S:
        return "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    longest_s = int((role_record(role_arn) or {}).get("MaxSessionDuration") or LONGEST_BY_CHAINING_S)
    if duration_s > longest_s:
        return "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    return None


def install() -> None:
    """Refuse sessions that are too short or too long."""

    @before("sts")
    def last_as_long_as_allowed(call: Call) -> Response | None:
        from ministack.services import sts

        duration = str(call.data.get("DurationSeconds") or "")
        if call.action != "sts:AssumeRole" or not duration.isdecimal():
            return None
        wrong = _too_short_or_long(int(duration), str(call.data.get("RoleArn")))
        if wrong is None:
            return None
        refusal: Response = sts._error(400, "ValidationError", wrong, ns="sts")
        return refusal
