"""The table of resource types agrees with `pulumi_aws` and with botocore: nothing is ignored, nothing is misspelt."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.validate import ParamValidator

from localcloud.plugin.errors import UnknownResourceError
from localcloud.plugin.mapping import find_member, member_shape
from localcloud.plugin.resource import Context, ResourceType, tag_request
from localcloud.plugin.resources import every, find
from localcloud.plugin.tagging import change_tags
from localcloud.plugin.types import Listing, Object, Type

pytestmark = pytest.mark.pure

EVERYWHERE = {"region", "tags"}
TABLE = list(every())


def ids(resource: ResourceType) -> str:
    return resource.title


@pytest.mark.parametrize("resource", TABLE, ids=ids)
def test_every_input_is_immutable_or_updated_or_refused(resource: ResourceType) -> None:
    handled = {*resource.immutable, *resource.unsupported, *EVERYWHERE}
    handled |= {name for update in resource.updates for name in update.when}

    assert resource.schema.inputs.properties.keys() - handled == set()


@pytest.mark.parametrize("resource", TABLE, ids=ids)
def test_every_tagged_type_has_a_way_to_change_tags(resource: ResourceType) -> None:
    changes_tags = resource.tagging is not None or any("tags" in update.when for update in resource.updates)

    assert changes_tags == ("tags" in resource.schema.inputs.properties and "tags" not in resource.unsupported)


@pytest.mark.parametrize("resource", TABLE, ids=ids)
def test_every_path_in_an_entry_exists_in_pulumi_aws(resource: ResourceType) -> None:
    paths = [
        *resource.immutable,
        *resource.defaults,
        *resource.computed,
        *resource.write_only,
        *resource.documents,
        *resource.unordered,
        *resource.case_insensitive,
        *resource.unsupported,
    ]

    assert [path for path in paths if not declared(resource.schema.inputs, path)] == []
    assert [name for name in resource.volatile if name not in resource.schema.outputs] == []


@pytest.mark.parametrize("resource", TABLE, ids=ids)
def test_every_nested_property_finds_its_member_in_the_request(resource: ResourceType) -> None:
    unmapped = list(nested(resource, resource.schema.inputs, resource.request_shape(), ""))

    assert unmapped == []


def test_an_unknown_type_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(
        UnknownResourceError, match=r"aws:sqs/que:Queue.*nearest correct spelling is `aws:sqs/queue:Queue`"
    ):
        find("aws:sqs/que:Queue")


def declared(kind: Type, path: str) -> bool:
    for part in path.split("."):
        kind = item_of(kind)
        if not isinstance(kind, Object) or part not in kind.properties:
            return False
        kind = kind.properties[part]
    return True


def nested(resource: ResourceType, kind: Object, shape: Any, path: str) -> Iterator[str]:
    """Paths below a mapped top-level property that would silently be left out of a request."""
    for name, inner in kind.properties.items():
        here = f"{path}.{name}" if path else name
        if here in EVERYWHERE or here in resource.unsupported:
            continue
        target = find_member(shape, resource.names, here)
        if target is None:
            if path and here not in resource.names:
                yield here
            continue
        inner = item_of(inner)
        if isinstance(inner, Object):
            member = member_shape(shape, target)
            while member.type_name == "list":
                member = member.member
            yield from nested(resource, inner, member, here)


def item_of(kind: Type) -> Type:
    while isinstance(kind, Listing):
        kind = kind.item
    return kind


@pytest.mark.parametrize("resource", [one for one in TABLE if one.tagging is not None], ids=ids)
def test_tags_are_set_changed_and_removed_by_requests_that_botocore_takes(resource: ResourceType) -> None:
    tagging = resource.tagging
    assert tagging is not None
    called: dict[str, dict[str, Any]] = {}
    context = Context(resource, None, "urn", {"tags": {"a": "2", "c": "3"}}, {"tags": {"a": "1", "b": "1"}})  # type: ignore[arg-type]
    context.id, context.state = "one-of-twenty-characters", {tagging.by: "arn:of-twenty-characters"}
    context.call = lambda operation, via=None, **request: called.setdefault(operation, request)  # type: ignore[method-assign]
    change_tags(context, tagging)
    for operation in (tagging.tag, tagging.untag):
        report = ParamValidator().validate(called[operation], resource.request_shape(operation, tagging.service))
        assert not report.has_errors(), report.generate_report()
        assert any("tag" in member.lower() for member in called[operation])
    [(member, value)] = tag_request(resource.request_shape(), {"a": "b c"}).items()
    assert not ParamValidator().validate(value, resource.request_shape().members[member]).has_errors()
