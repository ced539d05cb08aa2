"""A project folder of its own for a deployment: the same program, and stack files changed for the purpose."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def write_workspace(
    folder: Path,
    project: Path,
    changes: Mapping[str, Mapping[str, Any]],
    accounts: Mapping[str, str] | None = None,
) -> None:
    """Write Pulumi.yaml and the stack files named in `changes` (stack → setting → value, in each of its architectures).

    `accounts` maps account ids of the committed files to those that take their place, wherever they stand.
    """
    definition = yaml.safe_load((project / "Pulumi.yaml").read_text())
    definition["main"] = str(project)
    options = definition["runtime"]["options"]
    options["virtualenv"] = str(project / options["virtualenv"])
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(definition))
    for stack, settings in changes.items():
        text = (project / f"Pulumi.{stack}.yaml").read_text()
        for committed, used in (accounts or {}).items():
            text = text.replace(committed, used)
        content = yaml.safe_load(text)
        for architecture in content["config"]["tributary:architectures"].values():
            architecture.update(settings)
        (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
