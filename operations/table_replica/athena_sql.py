"""The query that compares two exports, the tables that it reads, and what its rows mean.

Athena's SQL is Trino's: https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html. The query may call equal
items different, since every key that it names is looked at in the tables themselves; it never calls different items
equal.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from operations.instruments import comparing_sql
from operations.instruments.athena import lines_table
from operations.instruments.comparing import Found
from operations.instruments.comparing_sql import literal
from operations.instruments.items import key_of

# Below an export's folder: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
DATA = "data/"

# A text in JSON, and a set of DynamoDB in JSON. Only the name of a type comes right before `:[`, and of the types that
# hold arrays all but `L` are sets of texts, so that nothing inside a text looks like a set.
_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_SET = rf'"[BNS]S":\[{_TEXT}(?:,{_TEXT})*\]'


def table(name: str, bucket: str, folder: str) -> dict[str, Any]:
    """A table for Glue over an export's data files below `folder`."""
    return lines_table(name, f"s3://{bucket}/{folder}/{DATA}")


def comparison(database: str, source: str, replica: str, keys: Sequence[str]) -> str:
    """Compares two tables by the key attributes `keys`, reading each of them once; see comparing_sql.comparison.

    A key is JSON: the list of its attributes' values. What it relies on besides:

    - https://trino.io/docs/current/functions/json.html: json_parse, json_format and the cast to a map. json_parse puts
      the keys of objects in order, so that maps are equal in any order. Without that they would be called different.
    - https://trino.io/docs/current/functions/regexp.html: an item's sets, at any depth, are taken out of its text and
      their elements put in order.
    """
    return comparing_sql.comparison(_items(database, source, keys), _items(database, replica, keys))


def _items(database: str, name: str, keys: Sequence[str]) -> str:
    """A key's text and an item's digest for each line of a table."""
    values = " || ',' || ".join(f"json_format(element_at(item, {literal(key)}))" for key in keys)
    in_order = f"array_join(array_sort(regexp_extract_all(substr(one, 6), {literal(_TEXT)})), ',')"
    sets = f"transform(regexp_extract_all(text, {literal(_SET)}), one -> substr(one, 1, 5) || {in_order})"
    return f"""
  SELECT
    '[' || {values} || ']' AS key,
    sha256(to_utf8(regexp_replace(text, {literal(_SET)}, '[]') || array_join({sets}, ';'))) AS digest
  FROM (
    SELECT
      CAST(json_extract(json_parse(line), '$.Item') AS MAP(VARCHAR, JSON)) AS item,
      json_format(json_parse(line)) AS text
    FROM "{database}"."{name}"
  )
"""


def found(rows: Iterable[Sequence[str | None]], keys: Sequence[str]) -> Found:
    """What the rows of a comparison say."""
    return comparing_sql.found(rows, lambda text: key_of(dict(zip(keys, json.loads(text), strict=True)), keys))
