"""Sizes that AWS bounds and that settings alone decide, as far as they can be computed before anything is made."""

from collections.abc import Iterable

# The inline policies of a role together, in characters without white space.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
ROLE_POLICIES = 10_240
# What a function's role may do besides reading tables' streams: its log, its failures, its far end, its keys.
OTHER_STATEMENTS = 2_600
# What a function's role of a fan-out platform may do besides what is registered, in a network too.
PLATFORM_STATEMENTS = 4_500
# The longest of what the ARN of a table's stream has beside the table's name: partition, Region, account, time.
STREAM_ARN_REST = len('"arn:aws-us-gov:dynamodb:ap-southeast-1:444444444444:table//stream/2026-11-28T20:00:00.000",')
# A function's variables together, in bytes. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
VARIABLES_BYTES = 4_096


def most_streams(table_name_length: int) -> int:
    """How many tables with names of this length a function may read the streams of."""
    return (ROLE_POLICIES - OTHER_STATEMENTS) // (STREAM_ARN_REST + table_name_length)


def registered_fit(arns: Iterable[str]) -> bool:
    """Whether a role of a fan-out platform may name these, each `"arn",` in a list."""
    return sum(len(arn) + len('"",') for arn in arns) <= ROLE_POLICIES - PLATFORM_STATEMENTS


def most_weeks(table_name_length: int) -> int:
    """How many weekly tables with names of this length the copier's variables can say.

    Each is `"2026-W47": "name", `; the rest are its role, Region, external id and bucket.
    """
    return (VARIABLES_BYTES - 1_000) // (len('"2026-W47": "", ') + table_name_length)
