"""The query that compares two exports, the tables that it reads, and what its rows mean.

Athena's SQL is Trino's: https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html. The query may call equal
items different, since every key that it names is looked at in the tables themselves; it never calls different items
equal.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from operations.instruments.comparing import KEPT_KEYS, Found
from operations.instruments.items import key_of

# Below an export's folder: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
DATA = "data/"

# A text in JSON, and a set of DynamoDB in JSON. Only the name of a type comes right before `:[`, and of the types that
# hold arrays all but `L` are sets of texts, so that nothing inside a text looks like a set.
_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_SET = rf'"[BNS]S":\[{_TEXT}(?:,{_TEXT})*\]'

# How far a key is from being equal; the rows of `equal` keys are counted, never named.
_KINDS = ("missing", "extra", "differing")
_EQUAL = "equal"


def table(name: str, bucket: str, folder: str) -> dict[str, Any]:
    """A table for Glue over an export's data files below `folder`: one column, a line of JSON.

    JSON text never holds the field delimiter, by default the control character 1, which it writes as an escape;
    without an escape character LazySimpleSerDe takes everything else as it is. gzip files are known by their names.
    https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html and …/compression-formats.html
    """
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE"},
        "StorageDescriptor": {
            "Columns": [{"Name": "line", "Type": "string"}],
            "Location": f"s3://{bucket}/{folder}/{DATA}",
            "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                "Parameters": {"serialization.format": "1"},
            },
        },
    }


def comparison(database: str, source: str, replica: str, keys: Sequence[str]) -> str:
    """Compares two tables by the key attributes `keys`, reading each of them once.

    Its rows are a kind, how many keys are of it, and one of those keys (at most KEPT_KEYS of a kind) as JSON: the list
    of its attributes' values. What it relies on:

    - https://trino.io/docs/current/functions/json.html: json_parse, json_format and the cast to a map. json_parse puts
      the keys of objects in order, so that maps are equal in any order. Without that they would be called different.
    - https://trino.io/docs/current/functions/regexp.html: an item's sets, at any depth, are taken out of its text and
      their elements put in order.
    - https://trino.io/docs/current/functions/binary.html: 32 bytes of each item travel to the join.
    - https://trino.io/docs/current/functions/aggregate.html: min(x, n), with n at most 10,000, in constant memory.
    - https://trino.io/docs/current/sql/select.html: LEFT JOIN UNNEST … ON TRUE keeps kinds without keys.
    """
    return f"""
WITH source AS ({_items(database, source, keys)}),
replica AS ({_items(database, replica, keys)}),
compared AS (
  SELECT
    coalesce(source.key, replica.key) AS key,
    CASE
      WHEN replica.key IS NULL THEN 'missing'
      WHEN source.key IS NULL THEN 'extra'
      WHEN source.digest <> replica.digest THEN 'differing'
      ELSE '{_EQUAL}'
    END AS kind
  FROM source FULL OUTER JOIN replica ON source.key = replica.key
),
kinds AS (
  SELECT kind, count(*) AS total, min(key, {KEPT_KEYS}) FILTER (WHERE kind <> '{_EQUAL}') AS kept
  FROM compared GROUP BY kind
)
SELECT kinds.kind, kinds.total, named.key
FROM kinds LEFT JOIN UNNEST(kinds.kept) AS named (key) ON TRUE
""".strip()


def _items(database: str, name: str, keys: Sequence[str]) -> str:
    """A key's text and an item's digest for each line of a table."""
    values = " || ',' || ".join(f"json_format(element_at(item, {_literal(key)}))" for key in keys)
    in_order = f"array_join(array_sort(regexp_extract_all(substr(one, 6), {_literal(_TEXT)})), ',')"
    sets = f"transform(regexp_extract_all(text, {_literal(_SET)}), one -> substr(one, 1, 5) || {in_order})"
    return f"""
  SELECT
    '[' || {values} || ']' AS key,
    sha256(to_utf8(regexp_replace(text, {_literal(_SET)}, '[]') || array_join({sets}, ';'))) AS digest
  FROM (
    SELECT
      CAST(json_extract(json_parse(line), '$.Item') AS MAP(VARCHAR, JSON)) AS item,
      json_format(json_parse(line)) AS text
    FROM "{database}"."{name}"
  )
"""


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def found(rows: Iterable[Sequence[str | None]], keys: Sequence[str]) -> Found:
    """What the rows of a comparison say."""
    totals: Counter[str] = Counter()
    named: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for kind, total, key in rows:
        assert kind is not None
        assert total is not None
        totals[kind] = int(total)
        if key is not None:
            named[kind].append(key_of(dict(zip(keys, json.loads(key), strict=True)), keys))
    equal = totals.pop(_EQUAL, 0)
    counts = (equal + totals["differing"] + totals["missing"], equal + totals["differing"] + totals["extra"])
    missing, extra = set(named["missing"]), set(named["extra"])
    # One number may be written in two ways: such a key is in both tables, though its texts are not equal.
    both = missing & extra
    return Found(
        missing=sorted(missing - both),
        extra=sorted(extra - both),
        differing=sorted({*named["differing"], *both}),
        counts=totals + Counter(differing=len(both)) - Counter(missing=len(both), extra=len(both)),
        items=counts,
    )
