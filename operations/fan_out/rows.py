"""Reads and writes rows of the mapping table, and tells of a wrong option by what it is called on the command line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from handlers.fan_out.contract import WrongRowError
from handlers.fan_out.mapping import Target, target_of
from handlers.fan_out.rows import OPTIONS, Item, item_of, row_of
from operations.errors import OperationError
from operations.fan_out.platform import Platform, Source

# Option of a row → what the command line calls it; options of a kind of target are given by --option.
FLAGS: Mapping[str, str] = {
    "sourceArn": "--source-arn",
    "id": "--id",
    "type": "TYPE",
    "destination": "--destination",
    "active": "--active",
    "role": "--destination-role-arn",
    "externalId": "--external-id",
    "region": "--destination-region",
    "collapse": "--collapse",
    "parallel": "--parallel",
    "convertDDB": "--convert-ddb",
    "deaggregate": "--deaggregate",
    "appendNewlines": "--append-newlines",
    "passthrough": "--passthrough",
    "filter": "--filter",
    "transform": "--transform",
    "envelope": "--envelope",
    "maxConcurrency": "--max-concurrency",
    "retrySeconds": "--retry-seconds",
    "order": "--order",
}
CONDITION_FAILED = "ConditionalCheckFailedException"
# What is given as an empty text is taken out of a row.
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Rows:
    """The mapping table of a platform. Whatever it refuses, nothing was written; each method raises OperationError."""

    platform: Platform

    def all(self) -> Iterator[Item]:
        """Every row."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        return (item for page in pages for item in page["Items"])

    def of_source(self, source: Source) -> Iterator[Item]:
        """The rows of a source."""
        query = self._dynamodb.get_paginator("query")
        for arn in source.rows_arns:
            pages = query.paginate(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="sourceArn = :arn",
                ExpressionAttributeValues={":arn": {"S": arn}},
            )
            for page in pages:
                yield from page["Items"]

    def get(self, source: Source, target_id: str) -> Item:
        """A row of a source."""
        for item in self.of_source(source):
            if item["id"]["S"] == target_id:
                return item
        names = ", ".join(sorted(item["id"]["S"] for item in self.of_source(source))) or "none"
        raise OperationError(
            f"--id {target_id}: {source.name} has no such target; it has {names}. `tributary fanout register TYPE` "
            "makes one."
        )

    def new(self, target: Target, item: Item) -> None:
        """Write a row that is not there yet."""
        for other in self._same_id(target):
            raise OperationError(
                f"--id {target.row.id}: there is such a target of {other['sourceArn']['S']} already. Type `tributary "
                "fanout update` to change it, or name another id."
            )
        self._put(item, "attribute_not_exists(id)")

    def change(self, before: Item, after: Item) -> None:
        """Write a row anew that is still there."""
        self.refuse_declared(before)
        self._put(after, "attribute_exists(id)")

    def remove(self, item: Item) -> None:
        """Remove a row."""
        self.refuse_declared(item)
        self._dynamodb.delete_item(TableName=self._table, Key={name: item[name] for name in ("sourceArn", "id")})

    def refuse_declared(self, item: Item) -> None:
        """The stack file says what its targets are: what was changed here it would change back."""
        if item.get("declared", {}).get("BOOL"):
            name, file = item["id"]["S"], self.platform.file
            raise OperationError(
                f"--id {name}: that target is declared in {file}. Change `targets.{name}` there and type `tributary up "
                f"{self.platform.at.stack.name}`."
            )

    def _same_id(self, target: Target) -> Iterator[Item]:
        source = self.platform.source_of(target.row.source_arn)
        return (item for item in self.of_source(source) if item["id"]["S"] == target.row.id) if source else iter(())

    def _put(self, item: Item, condition: str) -> None:
        try:
            self._dynamodb.put_item(TableName=self._table, Item=dict(item), ConditionExpression=condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != CONDITION_FAILED:
                raise
            raise OperationError(
                f"--id {item['id']['S']}: somebody else has changed that target meanwhile. Look at it with `tributary "
                "fanout list`, and type the same command again."
            ) from None

    @property
    def _table(self) -> str:
        return self.platform.targets_table

    @property
    def _dynamodb(self) -> Any:
        return self.platform.client("dynamodb")


def checked(item: Item) -> Target:
    """The target that a row describes. Raises OperationError, which names the option by the command line's word."""
    try:
        return target_of(row_of(item))
    except WrongRowError as wrong:
        raise OperationError(
            f"{FLAGS.get(wrong.option, f'--option {wrong.option}=…')}: {wrong}. Nothing was written; `tributary fanout "
            "register --help` lists the options."
        ) from None


def merged(item: Item, options: Options) -> Item:
    """A row with other options; those that are an empty text are left out of it."""
    gone = {name for name, value in options.items() if value == ""}
    return {
        **{name: value for name, value in item.items() if name not in gone},
        **item_of({name: value for name, value in options.items() if name not in gone}),
    }


def own_options(texts: list[str]) -> dict[str, Any]:
    """The options of a kind of target: each text is NAME=VALUE, numbers and true or false as such."""
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier() or name in OPTIONS:
            hint = f"; use {FLAGS[name]}" if name in FLAGS else ""
            raise OperationError(f"--option {text}: it must be NAME=VALUE, such as ttlSeconds=3600{hint}.")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isascii() and text.isdecimal() else text
