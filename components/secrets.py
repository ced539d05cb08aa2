"""Keeps what a stack file says with `secure:` secret: in the state, in variables and in what the stack exports.

Pulumi hands a program its settings decrypted, and says of a map only that something in it is secret. Which texts are
is found in the file; every property and output that holds one of them is then marked, whatever it is made of.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import yaml

from components.errors import SettingsError

# A shorter text is found in too many others by chance: it must be the whole value.
LEAST_PART = 4


def secret_texts(file: Path, key: str, found: object) -> frozenset[str]:
    """The texts in the value `found` of a setting that its stack file holds encrypted. Raises SettingsError."""
    try:
        # BaseLoader leaves keys such as `on` and `2026` as they are spelled, as the engine does.
        written = yaml.load(file.read_text(), yaml.BaseLoader)["config"][key]
    except (OSError, KeyError):
        raise SettingsError(
            f"{file.name}: `{key}` holds a secret, and is not in {file}: which part is secret cannot be told. Keep it "
            "in that file, and type the same command without `--config-file`."
        ) from None
    return frozenset(_encrypted(written, found))


def marked(value: Any, texts: frozenset[str]) -> Any:
    """The value with every text in it secret that is, or holds, one of `texts`; outputs as well."""
    if isinstance(value, str):
        secret = any(text == value or (len(text) >= LEAST_PART and text in value) for text in texts)
        return pulumi.Output.secret(value) if secret else value
    if isinstance(value, Mapping):
        return {name: marked(held, texts) for name, held in value.items()}
    if isinstance(value, list):
        return [marked(held, texts) for held in value]
    if isinstance(value, pulumi.Output):
        return value.apply(lambda known: pulumi.Output.from_input(marked(known, texts)))
    return value


def keep_secret(texts: frozenset[str]) -> None:
    """Mark the properties of every resource that is declared from now on."""

    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        return pulumi.ResourceTransformationResult(marked(args.props, texts), args.opts)

    pulumi.runtime.register_stack_transformation(transform)


def _encrypted(written: object, found: object) -> Iterator[str]:
    """The texts of `found` at the places where `written` has `{secure: …}`."""
    if isinstance(written, Mapping) and list(written) == ["secure"]:
        yield from _texts(found)
    elif isinstance(written, Mapping) and isinstance(found, Mapping):
        for name in written.keys() & found.keys():
            yield from _encrypted(written[name], found[name])
    elif isinstance(written, list) and isinstance(found, list):
        for one, other in zip(written, found, strict=False):
            yield from _encrypted(one, other)


def _texts(found: object) -> Iterator[str]:
    if isinstance(found, Mapping):
        for held in found.values():
            yield from _texts(held)
    elif isinstance(found, list):
        for held in found:
            yield from _texts(held)
    elif isinstance(found, str) and found:
        yield found
