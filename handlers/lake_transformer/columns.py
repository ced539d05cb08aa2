"""Names the columns of a line: one documented rule from an attribute's place in the item to the column that holds it.

1. The names on the way to a value are joined by two underscores: `address: {city}` is the column `address__city`.
2. Each name is put in lower case, and every run of other characters than letters a to z, digits and underscores becomes
   one underscore, since Athena takes no others: `Zip-Code` is `zip_code`.
   https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
3. `change_` begins the columns that are not the item's; an attribute's column that would begin so gets `item_` first.
4. When two values of an item come to one column, only the one that is spelt like it stays there; each other column gets
   two underscores and the first eight digits of the BLAKE2s digest of its path (as JSON) at its end. So do columns that
   are longer than Glue takes, in place of what is too much.

A column that is not its path joined by rule 1 is listed in the line's `change_names`, so that no name is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from hashlib import blake2s

__all__ = ["MAX_COLUMN_LENGTH", "OWN_PREFIX", "SEPARATOR", "column_of", "plain_path"]

SEPARATOR = "__"
OWN_PREFIX = "change_"
# https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-tables.html#aws-glue-api-catalog-tables-Column
MAX_COLUMN_LENGTH = 255
_SUFFIX_DIGITS = 8

_others: Callable[[str, str], str] = re.compile(r"[^a-z0-9_]+").sub
_is_plain = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*").fullmatch


def plain_path(column: str) -> list[str]:
    """The path of a column that `change_names` does not list."""
    return column.split(SEPARATOR)


def column_of(path: Sequence[str], prefix: str = "", contested: bool = False) -> tuple[str, bool]:
    """The column of the value at `path`, and whether it is spelt like its path.

    `prefix` comes before all columns; `contested` says that another value has the same claim to the column.
    """
    column = SEPARATOR.join(_others("_", name.lower()) for name in path)
    spelt = all(map(_is_plain, path))
    if column.startswith(OWN_PREFIX):
        column, spelt = f"item_{column}", False
    too_long = len(prefix) + len(column) > MAX_COLUMN_LENGTH
    if too_long or (contested and not spelt):
        digest = blake2s(json.dumps(list(path)).encode()).hexdigest()[:_SUFFIX_DIGITS]
        left = MAX_COLUMN_LENGTH - len(prefix) - len(SEPARATOR) - _SUFFIX_DIGITS
        column, spelt = f"{column[:left]}{SEPARATOR}{digest}", False
    return prefix + column, spelt
