"""Whatever people put into streams, objects and buckets: for property tests."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

# Half surrogate pairs, absurd numbers and empty names, as JSON's own texts may hold them.
_TEXT = st.sampled_from(['""', '"a"', '"\\ud800"', '"käufe ☂"', '"\\u0000"', '"1"', '"' + "x" * 3000 + '"'])
_NUMBER = st.sampled_from(
    [
        "0",
        "-0",
        "1.50",
        "1e400",
        "1e-400",
        "0e999",
        "9" * 39,
        "1" + "0" * 60,
        "NaN",
        "-Infinity",
        "1e999999999999999999",
    ]
)
_SCALAR = _TEXT | _NUMBER | st.sampled_from(["null", "true", "[]", "{}"])


def _nested(levels: int, kind: str, inner: str) -> str:
    opening, closing = ("[", "]") if kind == "list" else ('{"a":', "}")
    return opening * levels + inner + closing * levels


LEVELS = st.sampled_from([1, 2, 30, 31, 32, 33, 200, 330, 500, 700, 980])
VALUES = _SCALAR | st.builds(_nested, LEVELS, st.sampled_from(["list", "map"]), _SCALAR)
NAMES = st.sampled_from(["", "v", "sequenceNumber", "shardId", "seqNumbershardIdHash", "\\ud800", "ä"])
OBJECTS = st.lists(st.tuples(NAMES, VALUES), max_size=4).map(
    lambda members: "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"
)
# What a producer may send.
DATA: st.SearchStrategy[bytes] = (
    st.binary(max_size=20)
    | OBJECTS.map(str.encode)
    | VALUES.map(str.encode)
    | st.sampled_from([b"", b"\xef\xbb\xbf{}", b'{"a":1}more', b'{"a":1,"a":2}', b'{"s":"' + b"x" * 420_000 + b'"}'])
)

# Any JSON, and any change to one.
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed(draw: st.DrawFn, whole: Any) -> Any:
    """A JSON document in which something is another thing, or gone."""
    found = json.loads(json.dumps(whole))
    place, parents = found, []
    while isinstance(place, (dict, list)) and place and (not parents or draw(st.integers(0, 4))):
        step = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        parents.append((place, step))
        place = place[step]
    if not parents:
        return draw(ANY_JSON)
    parent, step = parents[-1]
    if isinstance(parent, dict) and draw(st.booleans()):
        del parent[step]
    else:
        parent[step] = draw(ANY_JSON)
    return found
