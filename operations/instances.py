"""An instance of a stack, as a verb works on it: its settings, outputs and mappings, reached as whoever deploys it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.config import Config

from components.settings import Architecture
from operations.access import Account, account_of, outputs_of
from operations.engine import Engine
from operations.instruments.functions import StreamFunction
from operations.instruments.mappings import Mapping, mappings
from operations.stacks import Stack

# An invocation may take as long as the function's timeout, 900 s at the most; it is not made twice behind our back.
ONE_LONG_CALL = Config(read_timeout=910, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class Instance:
    """`name` is the instance's in the stack file."""

    engine: Engine
    stack: Stack
    name: str

    @property
    def settings(self) -> Architecture:
        """What the stack file says of it."""
        return self.stack.architectures[self.name]

    @property
    def kind(self) -> str:
        """Its kind, as the stack file has it."""
        return self.settings.kind

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """What it exports. Raises StackError when it is not deployed."""
        return outputs_of(self.engine, self.stack.name, self.name)

    @cached_property
    def account(self) -> Account:
        """Its account and Region, as whoever deploys its stack. Raises AccountError."""
        return account_of(self.engine, self.stack, self.outputs)

    def guard(self) -> Account:
        """The account, looked at before something is done that does not ask it. Raises AccountError."""
        return self.account

    def client(self, service: str, config: Config | None = None) -> Any:
        """A client of a service in its account and Region."""
        return self.account.client(service, config)

    def mappings(self, function: str | None = None) -> list[Mapping]:
        """Its event source mappings. Raises StackError when it is not deployed."""
        return mappings(self.engine, self.stack.name, function, self.settings.component_name(self.name))

    def functions(self) -> list[StreamFunction]:
        """Its functions on streams."""
        lambda_, s3 = self.client("lambda", ONE_LONG_CALL), self.client("s3")
        found: dict[str, list[Mapping]] = {}
        for mapping in self.mappings():
            found.setdefault(mapping.function, []).append(mapping)
        return [
            StreamFunction(name, tuple(one.id for one in of_function), of_function[0].failure_bucket, lambda_, s3)
            for name, of_function in found.items()
        ]
