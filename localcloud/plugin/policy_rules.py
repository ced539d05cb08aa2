"""Checks of policy documents against the grammar of IAM."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin import documents
from localcloud.plugin.checking import Failure


def document_rule(name: str, *, principal: bool) -> Any:
    """A check that `name` is a policy document, with or without principals (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html)."""

    def rule(inputs: Mapping[str, Any]) -> Iterator[Failure]:
        text = inputs.get(name)
        if not isinstance(text, str):
            return
        document = documents.canonical(text)
        if not isinstance(document, dict) or "Statement" not in document:
            yield Failure(name, f"{name} is no policy document: it must be JSON with a Statement.")
            return
        for index, statement in enumerate(document["Statement"]):
            yield from _statement_rule(name, index, statement, principal)

    return rule


def _statement_rule(name: str, index: int, statement: Any, principal: bool) -> Iterator[Failure]:
    if not isinstance(statement, dict):
        yield Failure(name, f"a statement of {name} is no object.")
        return
    allowed = {
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "Principal",
        "NotPrincipal",
    }
    for key in sorted(statement.keys() - allowed):
        yield Failure(
            name,
            f"a statement of {name} has the element `{key}`, unknown to IAM: use {', '.join(sorted(allowed))}.",
        )
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield Failure(
            name, f"a statement of {name} has the Effect {statement.get('Effect')!r}: it must be Allow or Deny."
        )
    if not statement.keys() & {"Action", "NotAction"}:
        yield Failure(name, f"a statement of {name} has neither Action nor NotAction.")
    has_principal = bool(statement.keys() & {"Principal", "NotPrincipal"})
    if has_principal != principal:
        yield Failure(name, f"a statement of {name} {'needs a' if principal else 'may not have a'} Principal.")
    has_resource = bool(statement.keys() & {"Resource", "NotResource"})
    if has_resource == principal:
        yield Failure(name, f"a statement of {name} {'may not have a' if principal else 'needs a'} Resource.")
