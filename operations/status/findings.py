"""What was found to need a person, and where the resources are that were looked at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Something that needs a person: of which resource of which instance, what it is, and what to type next."""

    instance: str
    resource: str
    problem: str
    next: str


@dataclass(frozen=True)
class Resource:
    """A resource in a stack's state: its outputs, and the instance of the stack file that it belongs to."""

    instance: str
    type: str
    outputs: Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """A stack: its name and Region as commands name them, and `client(service)` of whoever deploys it."""

    stack: str
    region: str
    client: Callable[[str], Any]

    def verb(self, verb: str, instance: str) -> str:
        """A `tributary` command on an instance."""
        return f"`tributary {verb} {self.stack} --instance {instance}`"

    def aws(self, command: str) -> str:
        """An `aws` command in the stack's Region."""
        return f"`aws {command} --region {self.region}`"
