"""Reads what another stack of this project exports."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pulumi

from components.settings import Peer


def peer_outputs(peer: Peer, names: Sequence[str]) -> dict[str, pulumi.Output[Any]]:
    """The outputs `names` of the peer's side.

    Raises pulumi.RunError, while the stack is deployed, when the peer's stack does not export them.
    """
    reference = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/{peer.stack}")
    exported = reference.get_output(str(peer.instance))
    return {name: exported.apply(partial(_pick, peer, name)) for name in names}


def _pick(peer: Peer, name: str, exported: Mapping[str, Any] | None) -> Any:
    if exported is None or name not in exported:
        raise pulumi.RunError(
            f"stack `{peer.stack}` does not export `{peer.instance}.{name}`, which this stack needs. "
            f"Type `pulumi up -s {peer.stack}` first; when its side has another instance name, say so with "
            f"`{{stack: {peer.stack}, instance: …}}`."
        )
    return exported[name]
