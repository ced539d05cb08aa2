"""The query that compares two sides key by key, in Athena's SQL, and what its rows mean.

Athena's SQL is Trino's: https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from operations.instruments.comparing import KEPT_KEYS, Found

# How far a key is from being equal; the rows of `equal` keys are counted, never named.
_KINDS = ("missing", "extra", "differing")
_EQUAL = "equal"


def comparison(source: str, replica: str) -> str:
    """Compares two queries, each of which gives the columns `key` and `digest`; each is read once.

    Its rows are a kind, how many keys are of it, and one of those (at most KEPT_KEYS of a kind). What it relies on:

    - https://trino.io/docs/current/functions/aggregate.html: min(x, n), with n at most 10,000, in constant memory.
    - https://trino.io/docs/current/sql/select.html: LEFT JOIN UNNEST … ON TRUE keeps kinds without keys.
    - https://trino.io/docs/current/functions/binary.html: 32 bytes of each item travel to the join, as its digest.
    """
    return f"""
WITH source AS ({source}),
replica AS ({replica}),
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


def literal(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def found(rows: Iterable[Sequence[str | None]], key_of: Callable[[str], str]) -> Found:
    """What the rows of a comparison say; `key_of` makes of a key's column the key as reports have it."""
    totals: Counter[str] = Counter()
    named: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for kind, total, key in rows:
        assert kind is not None
        assert total is not None
        totals[kind] = int(total)
        if key is not None:
            named[kind].append(key_of(key))
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
