"""Stack files, parsed once into typed settings.

A stack file says under `tributary:architectures` what the account holds: instance name → {kind, settings…}. `parse`
turns that into settings objects or into one SettingsError that lists every mistake as file, key, what was found, what
is allowed and the nearest correct value. `check_place` adds what is wrong with them in their account and Region.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from components.arns import misplaced_arns
from components.errors import SettingsError
from components.mistakes import mistake, nearest, shown
from components.names_checks import Named, doubled_names, taken_names, wrong_names
from components.naming import prefixed
from components.regions import unknown_region
from components.settings import Architecture, Peer

ArchitectureName = str
Kinds = Mapping[str, type[Architecture]]
KEY = "tributary:architectures"


def parse(kinds: Kinds, file: str, found: object) -> dict[ArchitectureName, Architecture]:
    """The settings of every architecture of a stack, by instance name, with their prefix before every name.

    `kinds` maps each `kind` to its settings type, `found` is the value of `tributary:architectures` in `file`.
    Raises SettingsError.
    """
    if not isinstance(found, Mapping) or not found:
        raise SettingsError(
            f"{file}: `{KEY}` is {shown(found)}; it must be a map from an instance name to `{{kind: …}}`. "
            f"The kinds are "
            f"{', '.join(sorted(kinds))}. docs/configuration.md has one example of each."
        )
    parsed: dict[ArchitectureName, Architecture] = {}
    mistakes: list[str] = []
    for name, value in found.items():
        try:
            parsed[name] = _one(kinds, name, value)
        except SettingsError as wrong:
            mistakes += str(wrong).splitlines()
    _refuse(file, mistakes)
    return parsed


def allowed_account(file: str, found: object) -> str:
    """The one account a stack may be deployed to, from `aws:allowedAccountIds`. Raises SettingsError."""
    if not (isinstance(found, list) and len(found) == 1 and re.fullmatch(r"\d{12}", str(found[0]))):
        raise SettingsError(
            f"{file}: `aws:allowedAccountIds` is {shown(found)}; it must be a list of one 12-digit account ID in "
            'quotes, such as ["111111111111"]. It keeps the stack from being deployed to a wrong account.'
        )
    return str(found[0])


def deployed_region(file: str, found: object) -> str:
    """The Region of a stack, from `aws:region`. Raises SettingsError."""
    if wrong := unknown_region(found):
        raise SettingsError(f"{file}: `aws:region` is {shown(found)}; {wrong}.")
    return str(found)


def check_place(
    file: str,
    account_id: str,
    region: str,
    architectures: Mapping[ArchitectureName, Architecture],
    others: Iterable[Named] = (),
) -> None:
    """Refuse what AWS would refuse where the stack is deployed: ARNs of elsewhere, names that are taken, and what
    spoils another instance's data.

    `others` are the instances of other stacks. Raises SettingsError.
    """
    mistakes: list[str] = []
    named = list(others)
    for one in _named(file, account_id, region, architectures):
        key = f"{KEY}.{one.instance}"
        mistakes += misplaced_arns(key, one.settings, region)
        mistakes += [f"`{key}.{told}" for told in one.settings.misplaced(account_id)]
        mistakes += [f"`{key}.{told}" for other in named for told in one.settings.beside(other.settings, other.where)]
        mistakes += taken_names(KEY, one, named)
        named.append(one)
    _refuse(file, mistakes)


def other_stacks(kinds: Kinds, folder: Path, file: str) -> list[Named]:
    """The instances of the folder's other stack files; one that cannot be read tells so when it is deployed itself."""
    found: list[Named] = []
    for path in sorted(folder.glob("Pulumi.*.yaml")):
        if path.name == file:
            continue
        try:
            config = _parsed(path.read_text())["config"]
            account_id = allowed_account(path.name, config["aws:allowedAccountIds"])
            region = deployed_region(path.name, config["aws:region"])
            found += _named(path.name, account_id, region, parse(kinds, path.name, config[KEY]))
        except (SettingsError, yaml.YAMLError, KeyError, TypeError):
            continue
    return found


@cache
def _parsed(text: str) -> Any:
    """A stack file's content, which nobody changes: a project's stacks look at each other's files."""
    return yaml.load(text, _LOADER)


# That of libyaml where PyYAML has it: a tenth of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _named(
    file: str, account_id: str, region: str, architectures: Mapping[ArchitectureName, Architecture]
) -> list[Named]:
    return [
        Named(file, instance, account_id, region, settings, settings.names(instance))
        for instance, settings in architectures.items()
    ]


def _one(kinds: Kinds, name: object, value: object) -> Architecture:
    key = f"{KEY}.{name}"
    if not isinstance(name, str):
        raise SettingsError(f"`{key}` has no text as its name: put it in quotes.")
    if not isinstance(value, Mapping):
        raise SettingsError(f"`{key}` is {shown(value)}; it must be a map with at least `kind`.")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise SettingsError(
            f"`{key}.kind` is {shown(kind)}; it must be one of {', '.join(sorted(kinds))}.{nearest(str(kind), kinds)}"
        )
    try:
        found = kinds[kind].model_validate(value)
    except ValidationError as invalid:
        raise SettingsError("\n".join(mistake(kinds[kind], key, error) for error in invalid.errors())) from None
    settings: Architecture = _with_peers(prefixed(found, found.name_prefix), name)
    names = settings.names(name)
    if told := wrong_names(key, names, settings.name_prefix) or doubled_names(key, names):
        raise SettingsError("\n".join(told))
    return settings


def _with_peers(value: Any, instance: str) -> Any:
    """The settings whose other sides have the same instance name, where the file says no other."""
    if isinstance(value, Peer):
        return value.model_copy(update={"instance": value.instance or instance})
    if isinstance(value, Mapping):
        return {name: _with_peers(held, instance) for name, held in value.items()}
    if not isinstance(value, BaseModel):
        return value
    held = {name: getattr(value, name) for name in type(value).model_fields}
    named = {name: _with_peers(one, instance) for name, one in held.items() if isinstance(one, Peer | Mapping)}
    return value.model_copy(update=named)


def _refuse(file: str, mistakes: list[str]) -> None:
    if mistakes:
        raise SettingsError("\n".join(f"{file}: {told}" for told in mistakes))
