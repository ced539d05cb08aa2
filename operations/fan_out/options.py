"""What the sub-commands of `tributary fanout` take: those of aws-lambda-fanout, and those of this project.

Every sub-command takes the options of the platform, those on a source also those that name it, and those that write a
row the row's. A decorator adds them to a command's own, and hands them over parsed.
https://github.com/aws-samples/aws-lambda-fanout#the-cli
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer

from operations.errors import OperationError
from operations.fan_out.platform import DEFAULT_FUNCTION, Named
from operations.fan_out.rows import FLAGS, own_options
from operations.options import HERE


class Choice(StrEnum):
    """How the original has its booleans."""

    TRUE = "true"
    FALSE = "false"


class SourceType(StrEnum):
    """What a source is."""

    KINESIS = "kinesis"
    DYNAMODB = "dynamodb"


def _parameter(name: str, kind: Any, default: Any, *flags: str, **shown: Any) -> inspect.Parameter:
    annotation = Annotated[kind, typer.Option(*flags, **shown)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _text(name: str, *flags: str, help: str) -> inspect.Parameter:  # noqa: A002  as typer has it
    return _parameter(name, str | None, None, *flags, help=help)


PLATFORM: Sequence[inspect.Parameter] = (
    _text("function", "--function", help="The function's name: `fanout` when nothing is said."),
    _text("function_arn", "--function-arn", help="Its ARN instead."),
    _text("stack", "--stack", help="The stack, where several have a function of that name."),
    _text("table", "--table", help="The mapping table, which is <function>Targets."),
    _text("table_arn", "--table-arn", help="Its ARN instead."),
    _text("region", "--region", help="The Region, which is the stack's."),
    _text("profile", "--profile", help="Act with this AWS profile instead of what the environment says."),
    _text("endpoint_url", "--endpoint-url", help="Call this URL instead of AWS."),
    _parameter("debug", Choice | None, None, "--debug", help="Print what the AWS clients do."),
    _parameter("no_verify_ssl", bool, False, "--no-verify-ssl", help="Refused: AWS_CA_BUNDLE names a CA to trust."),
    _parameter("folder", Path, HERE, "--folder", help="The folder of Pulumi.yaml and the stack files."),
)
SOURCE: Sequence[inspect.Parameter] = (
    _text("source", "--source", help="The name of the stream or the table."),
    _text("source_arn", "--source-arn", help="Its ARN instead."),
    _parameter("source_type", SourceType | None, None, "--source-type", help="What the source is."),
)
# Parameter → option of the row; those of a kind of target come as NAME=VALUE.
_ROW: Mapping[str, tuple[str, Any, str]] = {
    "active": ("active", Choice, "Whether it gets records. New ones do not unless this says so."),
    "role": ("role", str, "Reach the target as this role, of any account."),
    "external_id": ("externalId", str, "What the role's trust policy asks for."),
    "target_region": ("region", str, "The target's Region."),
    "collapse": (
        "collapse",
        str,
        "Join messages for SQS, SNS and IoT: none, JSON, concat or concat-b64. JSON unless said.",
    ),
    "parallel": ("parallel", Choice, "Several calls at once, in no order. True unless said."),
    "convert_ddb": ("convertDDB", Choice, "Send images of a table as plain JSON."),
    "deaggregate": ("deaggregate", Choice, "Take records of the Kinesis Producer Library apart."),
    "append_newlines": ("appendNewlines", Choice, "End each message with a newline."),
    "passthrough": ("passthrough", Choice, "Give a Lambda target the transformed records."),
    "filter": ("filter", str, "Filter pattern of Lambda's mappings, in JSON, or an array of them."),
    "transform": ("transform", str, "JMESPath expression that makes the data from the data."),
    "envelope": ("envelope", Choice, "Wrap the data in a CloudEvents event with its metadata."),
    "max_concurrency": ("maxConcurrency", int, "Calls under way at once."),
    "retry_seconds": ("retrySeconds", int, "How long a message may wait in the backlog: a day unless said."),
    "order": ("order", str, "`key`: messages of a partition key in order; `none`: in any."),
}
_ALIASES = {"role": ["--destination-role-arn", "--role-arn"]}
ROW: Sequence[inspect.Parameter] = (
    _text("destination", "--destination", help="The target: its address, or its name to be looked up."),
    _text("index", "--index", help="The index of a target of type es that is named by its domain."),
    *(
        _parameter(name, kind | None, None, *_ALIASES.get(name, [FLAGS[option]]), help=told)
        for name, (option, kind, told) in _ROW.items()
    ),
    _parameter("option", list[str] | None, None, "--option", help="Of its kind: NAME=VALUE, such as ttlSeconds=3600."),
)


class AskedSource:
    """How the command line names a source; any of it may be missing."""

    def __init__(self, source: str | None, source_arn: str | None, source_type: SourceType | None) -> None:
        self.name, self.arn = source, source_arn
        self.service = source_type.value if source_type else None

    @property
    def given(self) -> bool:
        """Whether one is named."""
        return self.name is not None or self.arn is not None


class AskedRow:
    """What the command line says of a row: `options` by the names of the table, without the destination."""

    def __init__(self, destination: str | None, index: str | None, option: list[str] | None, **said: Any) -> None:
        self.destination, self.index = destination, index
        given = {_ROW[name][0]: _plain(value) for name, value in said.items() if value is not None}
        self.options: dict[str, Any] = {**own_options(option or []), **given}


def _plain(value: Any) -> Any:
    return value is Choice.TRUE if isinstance(value, Choice) else value


def _named(
    function: str | None,
    function_arn: str | None,
    table: str | None,
    table_arn: str | None,
    debug: Choice | None,
    no_verify_ssl: bool,
    **same: Any,
) -> Named:
    if no_verify_ssl:
        raise OperationError(
            "--no-verify-ssl: certificates are always verified. `export AWS_CA_BUNDLE=…` names a CA of your own."
        )
    if debug is Choice.TRUE:
        boto3.set_stream_logger("botocore")
    return Named(function=function_arn or function or DEFAULT_FUNCTION, table=table_arn or table, **same)


# What a decorated command takes in the place of options: the name of its parameter, the options, and what they make.
GROUPS: Mapping[str, tuple[Sequence[inspect.Parameter], Callable[..., Any]]] = {
    "named": (PLATFORM, _named),
    "asked": (SOURCE, AskedSource),
    "row": (ROW, AskedRow),
}


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with options in the place of its parameters `named`, `asked` and `row`."""
    own = inspect.signature(command, eval_str=True).parameters.values()
    groups = [parameter.name for parameter in own if parameter.name in GROUPS]
    kept = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own if parameter.name not in GROUPS]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        made = {}
        for name in groups:
            options, make = GROUPS[name]
            made[name] = make(**{option.name: given.pop(option.name) for option in options})
        command(**made, **given)

    added = [option for name in reversed(groups) for option in GROUPS[name][0]]
    setattr(run, "__signature__", inspect.Signature([*kept, *added]))  # noqa: B010
    run.__annotations__ = {}
    del run.__wrapped__  # typer would look at the command's own parameters
    return run
