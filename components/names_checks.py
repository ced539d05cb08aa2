"""Whether AWS can take the names of a stack's instances, and whether somebody has them already.

All of it is told before anything is made, as file, key and the nearest right value.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.naming import PhysicalName
from components.settings import Architecture

# How many names a message lists.
SHOWN_NAMES = 3


@dataclass(frozen=True)
class Named:
    """An instance with its names, and where it is deployed."""

    file: str
    instance: str
    account_id: str
    region: str
    settings: Architecture
    names: Sequence[PhysicalName]

    @property
    def where(self) -> str:
        """The instance and its file, for a message."""
        return f"`{self.instance}` of {self.file}"


def wrong_names(key: str, names: Iterable[PhysicalName], prefix: str) -> list[str]:
    """The names that AWS refuses, each by the setting that says it: once for a setting, whatever it is used for."""
    by_key: dict[str, list[PhysicalName]] = defaultdict(list)
    for name in names:
        by_key[name.key].append(name)
    return [
        _mistake(key, wrong[0], prefix, _nearest(same, prefix))
        for same in by_key.values()
        if (wrong := [name for name in same if not name.rule.allows(name.text)])
    ]


def doubled_names(key: str, names: Iterable[PhysicalName]) -> list[str]:
    """The names that an instance gives twice."""
    users: dict[tuple[str, ...], list[PhysicalName]] = defaultdict(list)
    for name in names:
        if not name.automatic:
            users[_identity(name)].append(name)
    return [
        f"{' and '.join(f'`{_where(key, one)}`' for one in same)} both name the {same[0].what} {same[0].text!r}; "
        f"give them different names, such as {same[1].value + '-2'!r} for the second."
        for same in users.values()
        if len({name.key for name in same}) > 1
    ]


def taken_names(key: str, mine: Named, others: Iterable[Named]) -> list[str]:
    """What other instances of the same account would make under the same names: a line for each of them."""
    return [
        f"`{key}.{mine.instance}` would make the {_listed(same)}, which {other.where} makes in "
        f"the same account. Set `namePrefix: {_free_prefix(mine, other)}` in `{key}.{mine.instance}`: it is put "
        "before every name of the instance."
        for other in others
        if (same := _in_common(mine, other))
    ]


def _in_common(mine: Named, other: Named) -> list[PhysicalName]:
    if mine.account_id != other.account_id:
        return []
    theirs = {_identity(name) for name in other.names if not name.automatic}
    return [
        name
        for name in mine.names
        if not name.automatic
        and not name.within
        and _identity(name) in theirs
        and (mine.region == other.region or name.rule.unique != "Region")
    ]


def _identity(name: PhysicalName) -> tuple[str, ...]:
    return (name.what, name.within, name.text.lower() if name.rule.same_in_any_case else name.text)


def _listed(names: Sequence[PhysicalName]) -> str:
    shown = ", ".join(f"{name.what} {name.text!r}" for name in names[:SHOWN_NAMES])
    return f"{shown} and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else shown


def _free_prefix(mine: Named, other: Named) -> str:
    """A word that tells the two apart: the stack's name, or the instance's where both are in one stack."""
    stack = mine.file.removeprefix("Pulumi.").removesuffix(".yaml")
    word = mine.instance if mine.file == other.file else stack.replace(".", "-").replace("_", "-").lower()
    return f"{word}-"


def _where(key: str, name: PhysicalName) -> str:
    return f"{key}.{name.key}" if name.key else key


def _mistake(key: str, wrong: PhysicalName, prefix: str, nearest: str) -> str:
    said = wrong.value.removeprefix(prefix)
    made = "" if wrong.text == said else f"it makes the {wrong.what} {wrong.text!r}, and "
    article = "an" if wrong.what.startswith("i") else "a"
    return (
        f"`{_where(key, wrong)}` is {said!r}; {made}the name of {article} {wrong.what} has {wrong.rule.meaning}. "
        f"The nearest is {nearest!r}."
    )


def _nearest(names: Sequence[PhysicalName], prefix: str) -> str:
    """The setting's nearest value with which AWS takes every name that is made of it."""
    value = names[0].value
    for name in names:
        room = name.rule.longest - (len(name.text) - len(name.value))
        value = name.rule.nearest(value, room)
    return value.removeprefix(prefix)
