"""What Firehose takes as the prefix of objects, told before anything is deployed.

https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html (Semantic rules)
"""

import re

EXPRESSION = re.compile(r"!\{([A-Za-z]+):([^}]*)\}")
ERROR_TYPE = "!{firehose:error-output-type}"
_FIREHOSE_VALUES = ("random-string", "error-output-type")
# The pattern letters of Java's DateTimeFormatter that an instant has a value for; text in quotes is literal.
# https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html
_TIME_LETTERS = frozenset("GuyDMLdQqYwWEecFaKkHhmsSAnNVzOXxZ")
_QUOTED = re.compile(r"'(?:[^']|'')*'")
# https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html
LONGEST = 1024

# What is told apart of the requests to the lake's bucket, each by the prefix of its objects' keys: the ids of its
# metrics configurations. See `watching`.
CHANGES_FILTER, ERRORS_FILTER = "changes", "errors"
# In the bucket of results: rows that an export's items would be. See operations/data_lake/athena.py.
EXPORTED_ROWS = "verify/"


def checked_prefix(prefix: str) -> str:
    """`prefix`, of what is delivered. Raises ValueError with what is right."""
    _check(prefix)
    if ERROR_TYPE in prefix:
        raise ValueError(f"Firehose takes {ERROR_TYPE} in `errorPrefix` only")
    if not static_part(prefix):
        raise ValueError("it must begin with a folder such as `changes/`: the table of the catalogue is that folder")
    return prefix


def checked_error_prefix(prefix: str) -> str:
    """`prefix`, of what cannot be delivered. Raises ValueError with what is right."""
    _check(prefix)
    if ERROR_TYPE not in prefix:
        raise ValueError(f"it must hold {ERROR_TYPE}, which says what failed: such as `errors/{ERROR_TYPE}/`")
    if not static_part(prefix):
        raise ValueError("it must begin with a folder such as `errors/`, which the bucket's lifecycle empties")
    return prefix


def static_part(prefix: str) -> str:
    """The folder in which everything under a prefix is: `changes/` of `changes/day=!{timestamp:dd}/`."""
    folder, slash, _ = prefix.partition("!{")[0].rpartition("/")
    return folder + slash


def _check(prefix: str) -> None:
    if len(prefix) > LONGEST:
        raise ValueError(f"it must have at most {LONGEST} characters")
    if "!{" in EXPRESSION.sub("", prefix):
        raise ValueError("`!{` begins an expression, which is `!{namespace:value}`, such as !{timestamp:yyyy-MM-dd}")
    for namespace, value in EXPRESSION.findall(prefix):
        _check_expression(namespace, value)


def _check_expression(namespace: str, value: str) -> None:
    if namespace.startswith("partitionKeyFrom"):
        raise ValueError(f"`!{{{namespace}:{value}}}` is added by `partitionBy`, which names the attribute")
    if namespace not in ("timestamp", "firehose"):
        raise ValueError(f"`{namespace}` is no namespace of Firehose: it has `timestamp` and `firehose`")
    if namespace == "firehose" and value not in _FIREHOSE_VALUES:
        raise ValueError(f"`!{{firehose:{value}}}` is unknown to Firehose: it has {' and '.join(_FIREHOSE_VALUES)}")
    if namespace == "timestamp":
        wrong = [letter for letter in _QUOTED.sub("", value) if letter.isalpha() and letter not in _TIME_LETTERS]
        if wrong or not value:
            raise ValueError(
                f"`!{{timestamp:{value}}}` is no pattern of Java's DateTimeFormatter"
                + (f": `{wrong[0]}` names nothing" if wrong else "")
                + ". Put literal text in quotes, such as !{timestamp:'day='yyyy-MM-dd}"
            )
