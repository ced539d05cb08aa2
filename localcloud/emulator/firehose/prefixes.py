"""Object names: prefix expressions, error prefixes and the suffix that Firehose appends.

https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
"""

import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

DEFAULT_TIME = "yyyy/MM/dd/HH/"
MAX_EVALUATED_LENGTH = 512
EXPRESSION = re.compile(r"!\{([A-Za-z]+):([^}]*)\}")
_RANDOM_STRING_LENGTH = 11
_PATTERN_PART = re.compile(r"''|'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")

# The letters of java.time.format.DateTimeFormatter that name a part of an instant; the number is how often the letter
# stands. https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html
_FIELDS: dict[str, Callable[[datetime, int], str]] = {
    "y": lambda t, n: _year(t, n),
    "u": lambda t, n: _year(t, n),
    "M": lambda t, n: _month(t, n),
    "L": lambda t, n: _month(t, n),
    "d": lambda t, n: str(t.day).zfill(n),
    "D": lambda t, n: str(t.timetuple().tm_yday).zfill(n),
    "H": lambda t, n: str(t.hour).zfill(n),
    "k": lambda t, n: str(t.hour or 24).zfill(n),
    "h": lambda t, n: str(t.hour % 12 or 12).zfill(n),
    "K": lambda t, n: str(t.hour % 12).zfill(n),
    "m": lambda t, n: str(t.minute).zfill(n),
    "s": lambda t, n: str(t.second).zfill(n),
    "S": lambda t, n: f"{t.microsecond:06d}".ljust(n, "0")[:n],
    "a": lambda t, n: "AM" if t.hour < 12 else "PM",
    "E": lambda t, n: t.strftime("%a" if n < 4 else "%A"),
    "e": lambda t, n: str(t.isoweekday() % 7 + 1).zfill(n),
    "Q": lambda t, n: str((t.month - 1) // 3 + 1).zfill(n),
    "w": lambda t, n: str(t.isocalendar().week).zfill(n),
    "Y": lambda t, n: str(t.isocalendar().year).zfill(n),
    "z": lambda t, n: t.tzname() or "UTC",
    "Z": lambda t, n: t.strftime("%z"),
}


def _year(t: datetime, n: int) -> str:
    return f"{t.year % 100:02d}" if n == 2 else str(t.year).zfill(n)


def _month(t: datetime, n: int) -> str:
    return str(t.month).zfill(n) if n < 3 else t.strftime("%b" if n == 3 else "%B")


def format_time(pattern: str, t: datetime) -> str:
    """`t` by a Java DateTimeFormatter pattern; text in single quotes is literal, '' is one quote.

    Raises ValueError for a letter that names nothing.
    """
    out = []
    for part in _PATTERN_PART.finditer(pattern):
        text = part.group()
        if text == "''":
            out.append("'")
        elif text.startswith("'"):
            out.append(part.group(1).replace("''", "'"))
        elif part.group(2):
            if text[0] not in _FIELDS:
                raise ValueError(f"Unknown pattern letter: {text[0]}")
            out.append(_FIELDS[text[0]](t, len(text)))
        else:
            out.append(text)
    return "".join(out)


def has_expression(template: str, namespace: str | None = None) -> bool:
    """Whether the template has an expression, of one namespace or of any."""
    return any(namespace in (None, match.group(1)) for match in EXPRESSION.finditer(template))


def local_time(arrival_ms: int, time_zone: str) -> datetime:
    """The instant of a record's arrival in a destination's time zone."""
    zone = UTC if time_zone == "UTC" else ZoneInfo(time_zone)
    return datetime.fromtimestamp(arrival_ms / 1000, zone)


def evaluate(
    template: str, t: datetime, *, keys: Mapping[str, Mapping[str, str]], error_type: str | None = None
) -> str:
    """The template with every expression evaluated.

    `keys` maps the namespaces partitionKeyFromQuery and partitionKeyFromLambda to their keys and values. Raises
    KeyError, with the namespace and key, for an expression that has no value.
    """

    def value(match: re.Match[str]) -> str:
        namespace, name = match.groups()
        if namespace == "timestamp":
            return format_time(name, t)
        if namespace == "firehose" and name == "random-string":
            return str(uuid.uuid4())[:_RANDOM_STRING_LENGTH]
        if namespace == "firehose" and name == "error-output-type" and error_type:
            return error_type
        found = keys.get(namespace, {}).get(name)
        if found is None:
            raise KeyError(f"{namespace}:{name}")
        return found

    return EXPRESSION.sub(value, template)


def data_prefix(template: str, t: datetime, keys: Mapping[str, Mapping[str, str]]) -> str:
    """Where delivered records go: `yyyy/MM/dd/HH/` follows a prefix that has no timestamp expression."""
    evaluated = evaluate(template, t, keys=keys)
    return evaluated if has_expression(template, "timestamp") else evaluated + format_time(DEFAULT_TIME, t)


def error_prefix(template: str | None, prefix: str, t: datetime, error_type: str) -> str:
    """Where failed records go: the evaluated error prefix, or `<prefix><error type>/yyyy/MM/dd/HH/` when there is
    none.
    """
    if template is None:
        return f"{prefix}{error_type}/{format_time(DEFAULT_TIME, t)}"
    return evaluate(template, t, keys={}, error_type=error_type)


def object_suffix(stream_name: str, version: int, t: datetime, extension: str) -> str:
    """`<stream name>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid><extension>`."""
    unique = uuid.UUID(bytes=secrets.token_bytes(16), version=4)
    return f"{stream_name}-{version}-{format_time('yyyy-MM-dd-HH-mm-ss', t)}-{unique}{extension}"
