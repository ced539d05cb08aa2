"""Tags of every service through one small set of operations, their shapes read from botocore's models."""

from typing import Any

from localcloud.plugin.resource import Context, Tagging, tag_request


def live_tags(context: Context, tagging: Tagging, state: dict[str, Any]) -> dict[str, str]:
    """The tags that the resource has now, without those that AWS itself sets."""
    if tagging.listing is None:
        return dict(state.get("tags", {}))
    answer = context.call(tagging.listing, via=tagging.service, **_whose(tagging, state))
    found = next((value for key, value in answer.items() if key.lower() in ("tags", "taglist")), None) or {}
    if isinstance(found, list):
        found = {item[_key(item, "key")]: item[_key(item, "value")] for item in found}
    return {key: value for key, value in found.items() if not key.startswith("aws:")}


def _key(item: dict[str, Any], ending: str) -> str:
    return next(name for name in item if name.lower().endswith(ending))


def change_tags(context: Context, tagging: Tagging) -> None:
    """Bring the resource's tags from the old inputs' to the new ones'."""
    old, new = context.old.get("tags", {}), context.inputs.get("tags", {})
    whose = _whose(tagging, {**context.state, "id": context.id})
    if removed := sorted(old.keys() - new.keys()):
        untag = context.resource.request_shape(tagging.untag, tagging.service)
        keys = next(name for name in untag.members if name.lower() in ("tagkeys", "tagstoremove"))
        context.call(tagging.untag, via=tagging.service, **whose, **{keys: removed})
    if changed := {key: value for key, value in new.items() if old.get(key) != value}:
        tag = context.resource.request_shape(tagging.tag, tagging.service)
        context.call(tagging.tag, via=tagging.service, **whose, **tag_request(tag, changed))


def _whose(tagging: Tagging, state: dict[str, Any]) -> dict[str, Any]:
    value = state.get(tagging.by)
    return {tagging.parameter: [value] if tagging.item else value, **tagging.fixed}
