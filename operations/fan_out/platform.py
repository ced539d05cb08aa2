"""The fan-out platform that a command line means: the function's name leads to the stack that declares it."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from components.errors import SettingsError
from components.fan_out.settings import PlatformSettings
from components.kinds import KINDS
from components.stack_files import KEY, parse
from handlers.fan_out.mapping import rows_under
from handlers.fan_out.rows import stream_arn
from operations.access import account_of
from operations.engine import Engine
from operations.errors import OperationError, StackError
from operations.instances import Instance
from operations.stacks import read, stack_names

KIND = "fan-out/platform"
DEFAULT_FUNCTION = "fanout"
# https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
_FUNCTION_ARN = re.compile(
    r"arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):function:(?P<name>[\w-]+)"
)
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
SERVICES = {"kinesis": "stream", "dynamodb": "table"}


@dataclass(frozen=True)
class Named:
    """What a command line says of the platform; `function` is the name or the ARN of its function."""

    function: str = DEFAULT_FUNCTION
    stack: str | None = None
    table: str | None = None
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    folder: Path = Path()

    def engine(self) -> Engine:
        """The engine, in the environment that the command line asks for: a profile counts instead of keys."""
        environment = dict(os.environ)
        if self.profile:
            environment = {name: value for name, value in environment.items() if name not in KEYS}
            environment["AWS_PROFILE"] = self.profile
        if self.endpoint_url:
            environment["AWS_ENDPOINT_URL"] = self.endpoint_url
        return Engine(self.folder, environment)


@dataclass(frozen=True)
class Source:
    """A source of the stack: `arn` is what the function reads, `rows_arn` under which a new row goes."""

    label: str
    arn: str
    rows_arn: str

    @property
    def rows_arns(self) -> tuple[str, ...]:
        """The ARNs under which its rows are."""
        return rows_under(self.arn)

    @property
    def name(self) -> str:
        """The name of the stream or the table."""
        return name_of(self.arn)


@dataclass(frozen=True)
class Platform:
    """A deployed platform, reached as whoever deploys its stack."""

    at: Instance

    @property
    def settings(self) -> PlatformSettings:
        """What the stack file says of it."""
        found = self.at.settings
        assert isinstance(found, PlatformSettings)
        return found

    @property
    def function(self) -> str:
        """The name of the function on the sources."""
        return str(self.at.outputs["functionName"])

    @property
    def drainer(self) -> str:
        """The name of the function that drains backlogs."""
        return str(self.at.outputs["drainerName"])

    @property
    def bucket(self) -> str:
        """The on-failure bucket, which has the backlogs as well."""
        return str(self.at.outputs["failureBucketName"])

    @property
    def targets_table(self) -> str:
        """The mapping table."""
        return str(self.at.outputs["targetsTableName"])

    @property
    def lanes_table(self) -> str:
        """The table of lanes."""
        return str(self.at.outputs["lanesTableName"])

    @property
    def file(self) -> str:
        """The stack's file."""
        return self.at.stack.file

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The sources that the function may read."""
        found: Mapping[str, str] = self.at.outputs["sources"]
        return tuple(Source(label, arn, stream_arn(arn)) for label, arn in found.items())

    def source(self, name: str | None, arn: str | None, service: str | None) -> Source:
        """The source that is named, by the name or the ARN of its stream or table. Raises OperationError."""
        if name is None and arn is None:
            raise OperationError(
                f"no source is named. Add `--source` with one of {self._known()}, and `--source-type`; or "
                "`--source-arn`."
            )
        if arn is not None:
            own = [one for one in self.sources if stream_arn(arn) in one.rows_arns]
            found = [Source(one.label, one.arn, stream_arn(arn)) for one in own]
        else:
            found = [
                one for one in self.sources if name in (one.label, one.name) and service in (None, service_of(one))
            ]
        if not found:
            said = f"--source-arn {arn}" if arn is not None else f"--source {name}"
            kind = f" of type {service}" if service and arn is None else ""
            raise OperationError(
                f"{said}{kind} is none of the sources that `{self.function}` may read: {self._known()}. Put it under "
                f"`sources` in {self.file} and type `tributary up {self.at.stack.name}`."
            )
        if len(found) > 1:
            raise OperationError(f"--source {name} may be any of {self._known()}. Name it by `--source-arn`.")
        return found[0]

    def source_of(self, rows_arn: str) -> Source | None:
        """The source whose rows are under an ARN."""
        return next((one for one in self.sources if rows_arn in one.rows_arns), None)

    def client(self, service: str, region: str | None = None) -> Any:
        """A client of a service in its account, in its own Region unless another is named."""
        if region in (None, self.at.stack.region):
            return self.at.client(service)
        return account_of(self.at.engine, self.at.stack, self.at.outputs, region).client(service)

    def _known(self) -> str:
        return ", ".join(f"{one.name} ({service_of(one)})" for one in self.sources)


def service_of(source: Source) -> str:
    """`kinesis` or `dynamodb`."""
    return source.arn.split(":")[2]


def name_of(arn: str) -> str:
    """The name of the stream or the table whose ARN this is, or that of its stream or consumer."""
    return arn.split(":", 5)[5].split("/")[1]


def declared(folder: Path) -> Iterator[tuple[str, str, PlatformSettings]]:
    """Stack, instance and settings of each platform in the stack files of a folder. Raises StackError."""
    for stack in stack_names(folder):
        path = folder / f"Pulumi.{stack}.yaml"
        text = path.read_text()
        if KIND not in text:
            continue
        try:
            found = parse(KINDS, path.name, (yaml.safe_load(text).get("config") or {}).get(KEY))
        except (SettingsError, yaml.YAMLError) as wrong:
            raise StackError(f"{path.name}: {wrong}" if isinstance(wrong, yaml.YAMLError) else str(wrong)) from None
        for instance, settings in found.items():
            if isinstance(settings, PlatformSettings):
                yield stack, instance, settings


def stack_of(named: Named) -> tuple[str, str]:
    """The stack and the instance that declare the function. Raises OperationError."""
    arn = _FUNCTION_ARN.fullmatch(named.function)
    function = arn["name"] if arn else named.function
    platforms = list(declared(named.folder))
    found = [
        (stack, instance)
        for stack, instance, settings in platforms
        if settings.function.name == function and named.stack in (None, stack)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(stack for stack, _ in found)
        raise OperationError(f"--function {function} is in several stacks. Add `--stack` with one of {names}.")
    there = ", ".join(f"{settings.function.name} (stack {stack})" for stack, _, settings in platforms) or "none"
    raise OperationError(
        f"--function {named.function} is declared by no stack file of {named.folder.resolve()}; there is {there}. Name "
        f"one of these, or add an instance `kind: {KIND}` with `function: {{name: {function}}}` to a stack file, and "
        f"type `tributary fanout deploy --function {function}`."
    )


def find(named: Named, new: bool = False) -> Platform:
    """The platform that the command line names; a `new` one need not be deployed. Raises OperationError."""
    stack, instance = stack_of(named)
    engine = named.engine()
    if new:
        engine.ensure([stack])
    platform = Platform(Instance(engine, read(engine, stack), instance))
    refuse_disagreement(named, platform)
    return platform


def refuse_disagreement(named: Named, platform: Platform) -> None:
    """Refuse what the command line says and is otherwise."""
    stack = platform.at.stack
    arn = _FUNCTION_ARN.fullmatch(named.function)
    if named.region not in (None, stack.region):
        raise OperationError(
            f"--region {named.region}: stack `{stack.name}` is in {stack.region}. Leave --region out, or name another "
            "stack by `--stack`."
        )
    if arn and (arn["region"], arn["account"]) != (stack.region, stack.account_id):
        raise OperationError(
            f"--function-arn {named.function}: stack `{stack.name}`, which declares that function, is in account "
            f"{stack.account_id} and {stack.region}. Name the function by `--function` alone."
        )
    settings = platform.settings
    if named.table is not None and named.table.rpartition("/")[2] != settings.targets_table:
        raise OperationError(
            f"--table {named.table}: `{settings.function.name}` reads its targets from {settings.targets_table}. Leave "
            "--table out; docs/fan-out-targets.md says how rows of another table are brought over."
        )
