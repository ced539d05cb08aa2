"""What a bucket holds is counted by objects, old versions and size, and no further than a bound."""

from typing import Any

import pytest

from operations import contents
from operations.contents import counted, described

pytestmark = pytest.mark.pure


def version(size: int, latest: bool = True) -> dict[str, Any]:
    return {"Size": size, "IsLatest": latest}


def test_newest_versions_are_objects_and_the_rest_is_old() -> None:
    found = counted("lake", [version(1_000_000), version(2_000_000, latest=False), {"IsLatest": True}])
    assert (found.objects, found.old_versions, found.size_bytes) == (1, 2, 3_000_000)
    assert described(found) == (
        "s3://lake: 1 objects and 2 old versions or delete markers, 3.0 MB. They are deleted with it."
    )


def test_a_large_bucket_is_not_counted_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST", 3)
    seen: list[int] = []

    def endless() -> Any:
        while True:
            seen.append(1)
            yield version(1)

    assert described(counted("lake", endless())).startswith("s3://lake: at least 3 objects")
    assert len(seen) == 3
