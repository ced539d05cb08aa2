"""What `tributary fanout deploy` says of the function goes into the stack file, where `tributary up` reads it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pydantic.alias_generators import to_camel

from components.fan_out.settings import PlatformSettings
from components.network_settings import ExistingNetwork
from operations.engine import Engine
from operations.errors import OperationError
from operations.instances import Instance
from operations.stacks import read, stack_names


class Asked(NamedTuple):
    """The options of `deploy`; those that are None or empty say nothing. `role` is a name or an ARN."""

    memory_mb: int | None
    timeout_s: int | None
    role: str | None
    subnets: Sequence[str]
    security_groups: Sequence[str]
    runtime: str | None


def write(at: Instance, asked: Asked) -> list[str]:
    """Write what is asked for and said otherwise. Returns what to tell. Raises OperationError."""
    if asked.runtime is not None and not asked.runtime.startswith("python"):
        raise OperationError(f"--runtime {asked.runtime}: the function is written in Python. Leave --runtime out.")
    assert isinstance(at.settings, PlatformSettings)
    told = []
    for path, value in _changes(at.settings, asked):
        place = f'tributary:architectures["{at.name}"].{path}'
        at.engine.run(["config", "set", "--path", place, value, "--stack", at.stack.name])
        told.append(f"{at.stack.file}: `{at.name}.{path}` is {value} now.")
    return told


def _changes(settings: PlatformSettings, asked: Asked) -> Iterator[tuple[str, str]]:
    """Settings by their path below the instance, and the values that differ from those of the file."""
    function = settings.function
    changed = {"memory_mb": asked.memory_mb, "timeout_seconds": asked.timeout_s}
    wanted = function.model_copy(update={name: value for name, value in changed.items() if value is not None})
    if wanted != function:
        # A file that says anything of the function says at least these.
        for name in ("name", "batch_size", "timeout_seconds", "memory_mb"):
            yield f"function.{to_camel(name)}", str(getattr(wanted, name))
    role = (asked.role or "").rpartition("/")[2]
    if role and role != settings.role_name:
        yield "roleName", role
    network = settings.network if isinstance(settings.network, ExistingNetwork) else None
    subnets, groups = _split(asked.subnets), _split(asked.security_groups)
    if subnets and tuple(subnets) != (network.subnet_ids if network else ()):
        yield from ((f"network.subnetIds[{place}]", one) for place, one in enumerate(subnets))
    if groups and tuple(groups) != (network.security_group_ids if network else ()):
        yield from ((f"network.securityGroupIds[{place}]", one) for place, one in enumerate(groups))


def _split(texts: Sequence[str]) -> list[str]:
    """Options that may be given several times, and with commas."""
    return [one for text in texts for one in text.split(",") if one]


def with_missing_peers(engine: Engine, stack: str) -> list[str]:
    """The stack, and those that it reads and that are not deployed; each has a file in the folder."""
    deployed, wanted = set(engine.deployed()), [stack]
    for name in wanted:
        engine.ensure([name])
        missing = read(engine, name).references - deployed - set(wanted)
        wanted += sorted(missing & set(stack_names(engine.folder)))
    return wanted
