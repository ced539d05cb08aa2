"""Which of a table's files a query reads: those in the folders of the partitions that its conditions leave.

https://docs.aws.amazon.com/athena/latest/ug/partitions.html. Conditions count that compare a partition column, which is
text here, with literals, and are joined by AND, in the one SELECT whose FROM is the table; all else reads everything.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from sqlglot import exp

from localcloud.emulator.athena.catalog import StoredFile, StoredTable

_COMPARISONS: Mapping[type[exp.Expr], Callable[[str, str], bool]] = {
    exp.EQ: operator.eq,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
}
_MIRRORED: Mapping[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
}

# Whether a partition with these values is read.
Condition = Callable[[Mapping[str, str]], bool]


def pruned(statement: exp.Expr, table: StoredTable) -> list[StoredFile]:
    """The files of the table that the query reads."""
    names = {key["Name"].lower() for key in table.definition.get("PartitionKeys") or ()}
    conditions = list(_conditions(statement, table.name.table, names)) if names else []
    return [file for file in table.files if all(one(_partition(file, table.folder)) for one in conditions)]


def _conditions(statement: exp.Expr, name: str, columns: set[str]) -> Iterable[Condition]:
    read = [one for one in statement.find_all(exp.Table) if one.name.lower() == name]
    if len(read) != 1:
        return
    select = read[0].find_ancestor(exp.Select)
    source = read[0].parent
    if select is None or not isinstance(source, exp.From) or select.args.get("joins"):
        return
    where = select.args.get("where")
    for part in where.this.flatten() if where and isinstance(where.this, exp.And) else [where.this] if where else []:
        if (condition := _condition(part.unnest(), columns)) is not None:
            yield condition


def _condition(part: exp.Expr, columns: set[str]) -> Condition | None:
    if isinstance(part, exp.Between):
        low, high = _text(part.args["low"]), _text(part.args["high"])
        column = _column(part.this, columns)
        return None if None in (column, low, high) else lambda of: str(low) <= of.get(str(column), "") <= str(high)
    if isinstance(part, exp.In):
        column, values = _column(part.this, columns), [_text(value) for value in part.expressions]
        return None if column is None or not values or None in values else lambda of: of.get(str(column)) in values
    kind, left, right = type(part), part.args.get("this"), part.args.get("expression")
    if kind in _MIRRORED and _column(right, columns):
        kind, left, right = _MIRRORED[kind], right, left
    column, value, compare = _column(left, columns), _text(right), _COMPARISONS.get(kind)
    if column is None or value is None or compare is None:
        return None
    return lambda of: compare(of.get(str(column), ""), str(value))


def _column(node: Any, columns: set[str]) -> str | None:
    name = node.name.lower() if isinstance(node, exp.Column) else None
    return name if name in columns else None


def _text(node: Any) -> str | None:
    return str(node.this) if isinstance(node, exp.Literal) and node.is_string else None


def _partition(file: StoredFile, folder: str) -> dict[str, str]:
    """The values that a file's path says: `delivered_on=2026-11-28/…`."""
    parts = (part.partition("=") for part in file.key.removeprefix(folder).split("/")[:-1])
    return {name.lower(): unquote(value) for name, equals, value in parts if equals}
