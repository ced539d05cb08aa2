"""The demo's records can be read on every supported Python."""

import sys

import pytest

from operations.cross_account_copy.flights import rows

pytestmark = pytest.mark.pure


def test_flights_are_read_without_pkg_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    # As where setuptools is not installed, or is 82 or later: importing it fails.
    monkeypatch.setitem(sys.modules, "pkg_resources", None)
    found = rows(1000)
    assert len(found) == 1000
    first = found[0]
    assert (first["year"], first["month"], first["day"], first["tailnum"]) == (2013, 1, 1, "N14228")
    assert (first["dep_time"], first["carrier"], first["dest"]) == (517.0, "UA", "IAH")
    # What is not known is nothing, not a number that is none.
    assert any(flight["dep_time"] is None for flight in found)
