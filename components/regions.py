"""The Regions of AWS: which there are, and what a partition's ARNs and host names look like."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

# Service principals end so in every partition, for the services that these architectures use.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services
SERVICE_PRINCIPALS = "amazonaws.com"


def partition_of(region: str) -> str:
    """The partition of a Region's ARNs: `aws`, `aws-cn`, `aws-us-gov` …

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    return str(_partitions()[region]["id"])


def dns_suffix_of(region: str) -> str:
    """What the host names of a Region's services end with, as `kms:ViaService` has them."""
    return str(_partitions()[region]["outputs"]["dnsSuffix"])


def service_principal(service: str) -> str:
    """The name by which policies know a service, such as `lambda`."""
    return f"{service}.{SERVICE_PRINCIPALS}"


def unknown_region(region: object) -> str | None:
    """What is wrong with the name of a Region, with the nearest right one; None when nothing is."""
    if region in _partitions():
        return None
    close = get_close_matches(str(region), _partitions(), n=1)
    return f"it must name a Region such as {close[0] if close else 'eu-west-1'}"


@cache
def _partitions() -> Mapping[str, Mapping[str, Any]]:
    """Each Region's partition, as botocore knows them; its own loader takes a tenth of a second more to import."""
    partitions = json.loads(files("botocore").joinpath("data", "partitions.json").read_text())["partitions"]
    return {region: one for one in partitions for region in one["regions"] if not region.endswith("-global")}
