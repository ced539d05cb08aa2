"""What the addresses of several destinations have in common: ARNs, endpoints, options of their own, keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers.fan_out.contract import WrongRowError

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = [
    "Arn",
    "Named",
    "arn_for",
    "flag_of",
    "key_within",
    "named_of",
    "number_of",
    "options_among",
    "region_among",
]


class Arn(NamedTuple):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def of(cls, text: str) -> Arn | None:
        """The parts of an ARN; None when the text is none."""
        parts = text.split(":", 5)
        return cls(*parts[1:]) if len(parts) == 6 and parts[0] == "arn" else None

    def __str__(self) -> str:
        return ":".join(("arn", *self))


class Named(NamedTuple):
    """A resource that a row may name by its name alone, or by its ARN, then of a certain Region and account."""

    name: str
    arn: Arn | None
    region: str | None


_ARN_FORM = r"aws[a-z-]*:[a-z-]+:[a-z]{2,}(-[a-z]+)+-\d+:\d{12}:.+"


def named_of(row: Row, service: str, folder: str, name: str, what: str, *, arn_only: bool = False) -> Named:
    """The resource that the row's destination names; `folder` is what its ARN has before the name, `name` a pattern.

    `what` says in words what is right, with an example, for the message of the WrongRowError.
    """
    arn = Arn.of(row.destination)
    text = row.destination if not arn_only else ""
    if arn is not None:
        formed = re.fullmatch(_ARN_FORM, row.destination[4:], re.ASCII)
        right = formed and arn.service == service and arn.resource.startswith(folder)
        text = arn.resource.removeprefix(folder) if right else ""
    if re.fullmatch(name, text, re.ASCII) is None:
        raise WrongRowError("destination", f"destination is {row.destination!r}; it must be {what}")
    return Named(text, arn, region_among(row, arn.region if arn else None))


def region_among(row: Row, region: str | None) -> str | None:
    """The Region of an address; what the row itself says must be the same. None: the function's own."""
    if row.region and region and row.region != region:
        raise WrongRowError("region", f"region is {row.region}, but the destination is in {region}; leave region out")
    return region or row.region


def arn_for(row: Row, service: str, region: str | None, resource: str, account: str | None = None) -> str:
    """The ARN of a resource that is not named by one; without an account it is in that of the row's role, or source."""
    source = Arn.of(row.source_arn)
    role = Arn.of(row.role) if row.role else None
    assert source is not None  # as the row was checked
    account = account or (role or source).account
    return str(Arn(source.partition, service, region or source.region, account, resource))


def options_among(row: Row, known: Iterable[str]) -> None:
    """Raises WrongRowError for an option that is nearly one of those that this kind of target has."""
    if not row.options:
        return
    # Loaded where a row has options of its kind.
    from difflib import get_close_matches

    known = list(known)
    for name in row.options:
        near = get_close_matches(name.lower(), [one.lower() for one in known], n=1, cutoff=0.8)
        if near and name not in known:
            right = next(one for one in known if one.lower() == near[0])
            raise WrongRowError(name, f"{name} is no option of a target of type {row.type}; {right} is")


def flag_of(row: Row, name: str, default: bool) -> bool:
    """An option that is true or false."""
    return bool(_option(row, name, default, isinstance(row.options.get(name), bool), "true or false"))


def number_of(row: Row, name: str, default: int, lowest: int, highest: int) -> int:
    """An option that is a whole number."""
    value = row.options.get(name)
    right = isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
    return int(_option(row, name, default, right, f"a whole number from {lowest} to {highest}"))


def _option(row: Row, name: str, default: Any, right: bool, what: str) -> Any:
    value = row.options.get(name)
    if value is None:
        return default
    if not right:
        raise WrongRowError(name, f"{name} is {value!r}; it must be {what}")
    return value


def key_within(key: str, max_bytes: int) -> str:
    """The key, or where it is empty or longer than the service takes, the SHA-256 of it in hexadecimal digits."""
    data = key.encode()
    return key if 0 < len(data) <= max_bytes else sha256(data).hexdigest()
