"""Tags of a resource and of a whole stack are set, changed and removed, on every type that has them."""

import string
from collections.abc import Callable

import pytest

from integration_tests.plugin.conftest import Deployed
from integration_tests.plugin.programs import tagged

pytestmark = pytest.mark.local

# Keys and values of every kind of character that AWS takes.
# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
FIRST = {"team": "data", "cost centre": "a+b=c/d:e@f.g_h-1", "only-first": "1"}
SECOND = {"team": "platform", "cost centre": "a+b=c/d:e@f.g_h-1"}
DEFAULTS = {"stage": "test", "owner": string.ascii_letters}


def tags_of(deployed: Deployed) -> dict[str, dict[str, str]]:
    """The tags of every resource that has them, as the state knows them from the cloud."""
    resources = deployed.resources
    return {
        name: one["outputs"].get("tagsAll") or {}
        for name, one in resources.items()
        if one["type"].startswith("aws:") and name != "alias"
    }


def test_tags_are_set_changed_and_removed(stack: Callable[..., Deployed], unique: Callable[[str], str]) -> None:
    deployed = stack()
    settings = {"bucket_name": unique("tagged")}

    deployed.up(tagged.program, **settings, tags=FIRST, defaults=DEFAULTS)
    assert deployed.refresh() == {}
    tags = tags_of(deployed)
    assert len(tags) >= 25
    assert tags == dict.fromkeys(tags, FIRST | DEFAULTS)

    changed = deployed.up(tagged.program, **settings, tags=SECOND, defaults={"stage": "live"})
    assert {name: step for name, step in changed.items() if name in tags} == dict.fromkeys(tags, "update")
    assert deployed.refresh() == {}
    assert tags_of(deployed) == dict.fromkeys(tags, SECOND | {"stage": "live"})

    deployed.up(tagged.program, **settings)
    assert deployed.refresh() == {}
    assert tags_of(deployed) == {name: {} for name in tags}
