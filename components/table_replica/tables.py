"""The tables of a replica, and what writing them takes: the same on either side of an account's border."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi

from components.event_source import TABLE_KEY_ACTIONS
from components.policies import Statement, statement, uses_key
from components.settings import Throughput
from components.table import DataTable, DataTableArgs, IndexArgs
from components.table_replica.settings import POSITIONS, TableShape
from handlers.shared.positions import position_names

# What writes a replica, and the actions of each: changes of the stream in batches, or with their positions in one
# transaction; rows of a backfill on the condition that neither they nor their positions are there.
Use = Literal["changes", "rows"]
Actions = Mapping[Use, Sequence[str]]
_UNGUARDED: Actions = {"changes": ["BatchWriteItem"], "rows": ["PutItem"]}
_GUARDED: Actions = {"changes": ["PutItem", "DeleteItem"], "rows": ["PutItem"]}
_POSITIONS: Actions = {"changes": ["PutItem"], "rows": ["ConditionCheckItem"]}
_NOTHING: Actions = {"changes": [], "rows": []}


@dataclass(frozen=True, kw_only=True)
class Replica:
    """The replica, and the positions of its items when it is guarded."""

    table: DataTable
    positions: DataTable | None

    @property
    def positions_name(self) -> pulumi.Input[str]:
        """The name of the positions table, empty when there is none."""
        return self.positions.name if self.positions else ""

    def allows(self, uses: Sequence[Use], key_arn: pulumi.Input[str], region: str) -> list[Statement]:
        """What the functions call that write the replica.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
        """
        table, positions = (
            list(dict.fromkeys(f"dynamodb:{action}" for use in uses for action in actions[use]))
            for actions in ((_UNGUARDED, _NOTHING) if self.positions is None else (_GUARDED, _POSITIONS))
        )
        return [
            statement(table, self.table.arn),
            *([] if self.positions is None else [statement(positions, self.positions.arn)]),
            uses_key(key_arn, TABLE_KEY_ACTIONS, "dynamodb", region),
        ]


def replica_tables(
    name: str,
    shape: TableShape,
    table_name: str,
    throughput: Throughput,
    key_arn: pulumi.Input[str],
    guarded: bool,
    opts: pulumi.ResourceOptions,
) -> Replica:
    """The replica's table and, when it is guarded, the table of its items' positions."""
    table = shaped_table(f"{name}-replica", shape, table_name, throughput, key_arn, opts)
    if not guarded:
        return Replica(table=table, positions=None)
    positions = DataTable(
        f"{name}-positions",
        DataTableArgs(
            table_name=f"{table_name}{POSITIONS}",
            keys=shape.keys,
            # Written exactly when the replica is, with items of the least size.
            throughput="on-demand",
            key_arn=key_arn,
            indexes=[],
            deletion_protection=shape.deletion_protection,
            time_to_live=position_names(shape.keys).expires,
            tags=shape.tags,
        ),
        opts,
    )
    return Replica(table=table, positions=positions)


def shaped_table(
    name: str,
    shape: TableShape,
    table_name: str,
    throughput: Throughput,
    key_arn: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
    stream_view: str | None = None,
    time_to_live: str | None = None,
) -> DataTable:
    """A table with the keys and indexes that source and replica share."""
    return DataTable(
        name,
        DataTableArgs(
            table_name=table_name,
            keys=shape.keys,
            throughput=throughput,
            key_arn=key_arn,
            indexes=[
                IndexArgs(
                    name=index.name,
                    hash_key=index.partition_key.name,
                    hash_key_type=index.partition_key.type,
                    throughput="on-demand" if throughput == "on-demand" else index.capacity,
                    projected=None if index.projected is None else list(index.projected),
                )
                for index in shape.indexes
            ],
            stream_view=stream_view,
            deletion_protection=shape.deletion_protection,
            time_to_live=time_to_live,
            tags=shape.tags,
        ),
        opts,
    )
