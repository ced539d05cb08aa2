"""Physical names: what AWS takes as the name of each kind of thing, and which names an instance gives.

A setting that names something in AWS says so by its type (`FunctionName`, `TableName` …). Names that are made of a
setting or of the instance's own name are listed by `Architecture.derived_names`. Both are checked, in `names_checks`,
when the stack file is read.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

What = Literal[
    "instance",
    "function",
    "role",
    "table",
    "index",
    "stream",
    "stream consumer",
    "delivery stream",
    "bucket",
    "queue",
    "topic",
    "key alias",
    "state machine",
    "workgroup",
    "dashboard",
]

# What Pulumi appends to the logical name of a resource that is given no name: a hyphen and seven digits.
# https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming
RANDOM_SUFFIX = "-0000000"


@dataclass(frozen=True)
class Rule:
    """What AWS takes as a name: lengths in characters, `characters` as in a character class, `words` say them.

    `edges` is what a name begins and ends with, `ending` what it may end with beside its characters. A name is unique
    in a Region of an account, or as `unique` says.
    """

    words: str
    characters: str
    longest: int
    page: str
    shortest: int = 1
    edges: str = ""
    ending: str = ""
    unique: Literal["Region", "account", "AWS"] = "Region"
    same_in_any_case: bool = False

    def allows(self, name: str) -> bool:
        """Whether AWS takes the name."""
        whole = f"[{self.characters}]*" if not self.edges else f"[{self.edges}]([{self.characters}]*[{self.edges}])?"
        stem = name.removesuffix(self.ending)
        return self.shortest <= len(name) <= self.longest and re.fullmatch(whole, stem) is not None

    def nearest(self, name: str, room: int) -> str:
        """The name with hyphens for what AWS does not take, and no longer than `room`."""
        if self.ending and name.endswith(self.ending):
            stem = self.nearest(name.removesuffix(self.ending), room - len(self.ending))
            return f"{stem}{self.ending}"
        plain = unicodedata.normalize("NFKD", name if "A-Z" in self.characters else name.lower())
        filler = "-" if "-" in self.characters else "_"
        kept = re.sub(f"[^{self.characters}]", filler, plain.encode("ascii", "ignore").decode())
        if not self.edges:
            return kept[:room]
        return re.sub(f"[^{self.edges}]+$", "", re.sub(f"^[^{self.edges}]+", "", kept)[:room])

    @property
    def meaning(self) -> str:
        """The rule in words, with its page."""
        return f"{self.shortest} to {self.longest} characters: {self.words} ({self.page})"


_API = "https://docs.aws.amazon.com"
_ANY = "letters, digits, - and _"
_DOTTED = "letters, digits, -, _ and ."
_TABLES = f"{_API}/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html"
RULES: Mapping[What, Rule] = {
    # It becomes part of bucket names, which have no capitals, and of dashboards, which have no dots.
    "instance": Rule("lower-case letters, digits and - inside", "a-z0-9-", 35, "docs/configuration.md", edges="a-z0-9"),
    "function": Rule(_ANY, "A-Za-z0-9_-", 64, f"{_API}/lambda/latest/api/API_CreateFunction.html"),
    "role": Rule(
        "letters, digits and _+=,.@-",
        "A-Za-z0-9_+=,.@-",
        64,
        f"{_API}/IAM/latest/UserGuide/reference_iam-quotas.html",
        unique="account",
        same_in_any_case=True,
    ),
    "table": Rule(_DOTTED, "A-Za-z0-9_.-", 255, _TABLES, shortest=3),
    "index": Rule(_DOTTED, "A-Za-z0-9_.-", 255, _TABLES, shortest=3),
    "stream": Rule(_DOTTED, "A-Za-z0-9_.-", 128, f"{_API}/kinesis/latest/APIReference/API_CreateStream.html"),
    "stream consumer": Rule(
        _DOTTED, "A-Za-z0-9_.-", 128, f"{_API}/kinesis/latest/APIReference/API_RegisterStreamConsumer.html"
    ),
    "delivery stream": Rule(
        _DOTTED, "A-Za-z0-9_.-", 64, f"{_API}/firehose/latest/APIReference/API_CreateDeliveryStream.html"
    ),
    "bucket": Rule(
        "lower-case letters and digits, - and . inside",
        "a-z0-9.-",
        63,
        f"{_API}/AmazonS3/latest/userguide/bucketnamingrules.html",
        shortest=3,
        edges="a-z0-9",
        unique="AWS",
    ),
    "queue": Rule(
        "letters, digits, - and _, and .fifo at the end of a FIFO queue's",
        "A-Za-z0-9_-",
        80,
        f"{_API}/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html",
        ending=".fifo",
    ),
    "topic": Rule(
        "letters, digits, - and _, and .fifo at the end of a FIFO topic's",
        "A-Za-z0-9_-",
        256,
        f"{_API}/sns/latest/api/API_CreateTopic.html",
        ending=".fifo",
    ),
    "key alias": Rule(
        "letters, digits, /, _ and -", "A-Za-z0-9/_-", 256, f"{_API}/kms/latest/APIReference/API_CreateAlias.html"
    ),
    "state machine": Rule(
        _ANY, "A-Za-z0-9_-", 80, f"{_API}/step-functions/latest/apireference/API_CreateStateMachine.html"
    ),
    "workgroup": Rule(_DOTTED, "A-Za-z0-9._-", 128, f"{_API}/athena/latest/APIReference/API_CreateWorkGroup.html"),
    # All dashboards of an account are global, whatever their Region.
    "dashboard": Rule(
        _ANY, "A-Za-z0-9_-", 255, f"{_API}/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html", unique="account"
    ),
}


@dataclass(frozen=True, kw_only=True)
class PhysicalName:
    """A name that an instance gives: `before` + `value` + `after`.

    `key` is the setting that says `value`, from the instance on; "" is the instance's own name. A name `within`
    something, such as an index of a table, need only be unique there. An `automatic` one is unique by Pulumi's random
    suffix.
    """

    what: What
    key: str
    value: str
    before: str = ""
    after: str = ""
    within: str = ""
    automatic: bool = False

    @property
    def text(self) -> str:
        """The whole name."""
        return f"{self.before}{self.value}{self.after}{RANDOM_SUFFIX if self.automatic else ''}"

    @property
    def rule(self) -> Rule:
        """What AWS takes as such a name."""
        return RULES[self.what]


@dataclass(frozen=True)
class Names:
    """Marks a setting that names something of this instance: `namePrefix` is put before it."""

    what: What


class NamedByTheOtherSide:
    """Marks a setting with a name that the other side gives: its default has this side's `namePrefix` before it."""


Model = TypeVar("Model", bound=BaseModel)


def prefixed(settings: Model, prefix: str) -> Model:
    """The settings with the prefix before every name."""
    if not prefix:
        return settings
    changes: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        marks = [mark for mark in field.metadata if isinstance(mark, Names | NamedByTheOtherSide)]
        given = name in settings.model_fields_set
        if isinstance(value, BaseModel):
            changes[name] = prefixed(value, prefix)
        elif value and marks and not (given and isinstance(marks[0], NamedByTheOtherSide)):
            changes[name] = f"{prefix}{value}"
    return settings.model_copy(update=changes)


def declared_names(settings: BaseModel, path: str = "") -> Iterator[PhysicalName]:
    """The names that the settings say by themselves."""
    for name, field in type(settings).model_fields.items():
        value, key = getattr(settings, name), f"{path}{field.alias or name}"
        if isinstance(value, BaseModel):
            yield from declared_names(value, f"{key}.")
        elif value:
            yield from (
                PhysicalName(what=mark.what, key=key, value=value) for mark in field.metadata if isinstance(mark, Names)
            )
