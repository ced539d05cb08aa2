"""Benchmarks that deploy functions come to their end, with hardly anything to measure."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cloud, plot, replica_growth

pytestmark = pytest.mark.local

SMALL: Mapping[str, Mapping[str, Any]] = {
    "copier": {"RECORDS": 60},
    "replica": {"ROWS": 40, "RATE_ROWS": 100},
    "shared_stream": {"PUTS": 3, "RECORDS": 50},
}


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_comes_to_its_end(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"benchmarks.{name}")
    for constant, value in SMALL[name].items():
        monkeypatch.setattr(module, constant, value)
    monkeypatch.setattr(cloud, "LONGEST_S", 60.0)
    monkeypatch.setattr(replica_growth, "SIZES", (50, 100))
    monkeypatch.setattr(plot, "FOLDER", tmp_path)
    assert [result.name for result in module.run() if result.ratio <= 0] == []
