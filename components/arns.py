"""ARNs in a stack file: their form, and that they belong to the stack's own Region or partition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, StringConstraints

from components.regions import partition_of


@dataclass(frozen=True)
class ArnSetting:
    """Marks a setting that is an ARN; one that is used `here` must be of the stack's own Region."""

    here: bool


def arn(service: str, resource: str, *, region: str = "[a-z0-9-]+", here: bool = False) -> tuple[Any, ...]:
    """The metadata of a setting that is the ARN of a resource, which is a regular expression.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    pattern = rf"^arn:aws[a-z-]*:{service}:{region}:\d{{12}}:{resource}$"
    return (StringConstraints(pattern=pattern), ArnSetting(here))


def misplaced_arns(key: str, settings: BaseModel, region: str) -> Iterator[str]:
    """The ARNs that cannot be used from a stack in this Region."""
    for name, field in type(settings).model_fields.items():
        value, where = getattr(settings, name), f"{key}.{field.alias or name}"
        held = value.items() if isinstance(value, Mapping) else ()
        for inner, one in [(where, value), *((f"{where}.{key}", one) for key, one in held)]:
            if isinstance(one, BaseModel):
                yield from misplaced_arns(inner, one, region)
        marks = [mark for mark in _marks(field) if isinstance(mark, ArnSetting)]
        if not marks or not value:
            continue
        _, partition, _, its_region, *_ = value.split(":")
        if partition != partition_of(region):
            yield f"`{where}` is {value!r}; ARNs in {region} begin with 'arn:{partition_of(region)}:'."
        elif marks[0].here and its_region != region:
            yield f"`{where}` is {value!r}; it must be in the stack's own Region, {region}."


def _marks(field: Any) -> list[Any]:
    """What a field's type carries, also as one of several forms."""
    parts = getattr(field.annotation, "__args__", ())
    return [*field.metadata, *(mark for part in parts for mark in getattr(part, "__metadata__", ()))]
