"""What CreateStateMachine and UpdateStateMachine refuse of a definition: the mistakes that a graph of states can have.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html (InvalidDefinition) and
https://states-language.net/spec.html. Fields are checked as far as the Distributed Map needs them; the rest is open.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack.core.responses import error_response_json

from localcloud.emulator.patching import replaces

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

TYPES = {"Choice", "Fail", "Map", "Parallel", "Pass", "Succeed", "Task", "Wait"}
TERMINAL = {"Choice", "Fail", "Succeed"}
PROCESSOR_MODES = {"INLINE", "DISTRIBUTED"}
EXECUTION_TYPES = {"STANDARD", "EXPRESS"}


def mistakes(definition: object) -> Iterator[str]:
    """What is wrong with a definition, each as AWS words its diagnostics: code, what, and where."""
    if not isinstance(definition, str):
        yield "INVALID_JSON_DESCRIPTION: The definition must be text."
        return
    try:
        parsed = json.loads(definition)
    except ValueError as wrong:
        yield f"INVALID_JSON_DESCRIPTION: {wrong}"
        return
    yield from _graph(parsed, "")


def _graph(graph: object, where: str) -> Iterator[str]:
    if not isinstance(graph, dict) or not isinstance(graph.get("States"), dict) or not graph["States"]:
        yield f"SCHEMA_VALIDATION_FAILED: The field 'States' is required and must not be empty at {where or '/'}"
        return
    states: Json = graph["States"]
    if graph.get("StartAt") not in states:
        yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {graph.get('StartAt')} at {where}/StartAt"
    reached = {graph.get("StartAt")}
    for name, state in states.items():
        at = f"{where}/States/{name}"
        if not isinstance(state, dict) or state.get("Type") not in TYPES:
            yield f"SCHEMA_VALIDATION_FAILED: Value is not one of {sorted(TYPES)} at {at}/Type"
            continue
        targets = dict(_targets(state))
        reached |= set(targets.values())
        for path, target in targets.items():
            if target not in states:
                yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {at}/{path}"
        if state["Type"] not in TERMINAL and ("Next" in state) == bool(state.get("End")):
            yield f"SCHEMA_VALIDATION_FAILED: Exactly one of 'Next' and 'End' is required at {at}"
        yield from _fields(state, at)
    for name in states.keys() - reached:
        yield f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable. at {where}/States/{name}'


def _targets(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field]
    for field in ("Choices", "Catch"):
        for index, one in enumerate(state.get(field) or []):
            yield f"{field}[{index}]/Next", one.get("Next")


def _fields(state: Mapping[str, Any], at: str) -> Iterator[str]:
    kind = state["Type"]
    if kind == "Task" and not state.get("Resource"):
        yield f"SCHEMA_VALIDATION_FAILED: The field 'Resource' is required at {at}"
    if kind == "Choice" and not state.get("Choices"):
        yield f"SCHEMA_VALIDATION_FAILED: The field 'Choices' is required and must not be empty at {at}"
    if kind == "Parallel":
        for index, branch in enumerate(state.get("Branches") or []):
            yield from _graph(branch, f"{at}/Branches[{index}]")
    if kind == "Map":
        yield from _map(state, at)


def _map(state: Mapping[str, Any], at: str) -> Iterator[str]:
    field = "ItemProcessor" if "ItemProcessor" in state else "Iterator"
    processor = state.get(field)
    yield from _graph(processor, f"{at}/{field}")
    config = (processor.get("ProcessorConfig") or {}) if isinstance(processor, dict) else {}
    distributed = config.get("Mode", "INLINE") == "DISTRIBUTED"
    if config.get("Mode", "INLINE") not in PROCESSOR_MODES:
        modes = sorted(PROCESSOR_MODES)
        yield f"SCHEMA_VALIDATION_FAILED: Value is not one of {modes} at {at}/{field}/ProcessorConfig/Mode"
    if distributed and config.get("ExecutionType") not in EXECUTION_TYPES:
        yield (
            f"SCHEMA_VALIDATION_FAILED: Value is not one of {sorted(EXECUTION_TYPES)} at "
            f"{at}/{field}/ProcessorConfig/ExecutionType"
        )
    for only in ("ItemReader", "ResultWriter", "ItemBatcher", "ToleratedFailurePercentage", "ToleratedFailureCount"):
        if only in state and not distributed:
            yield f"SCHEMA_VALIDATION_FAILED: Field is not supported in the processor mode INLINE at {at}/{only}"
    for number in ("MaxConcurrency", "ToleratedFailurePercentage", "ToleratedFailureCount"):
        if number in state and f"{number}Path" in state:
            yield f"SCHEMA_VALIDATION_FAILED: '{number}' and '{number}Path' exclude each other at {at}"


def install() -> None:
    def refused(definition: object) -> Answer | None:
        found = list(mistakes(definition))
        if not found:
            return None
        message = f"Invalid State Machine Definition: '{', '.join(found)}'"
        return error_response_json("InvalidDefinition", message, 400)  # type: ignore[no-any-return]

    @replaces("ministack.services.stepfunctions", "_create_state_machine", source="4bc1231dda69")
    def create_state_machine(original: Callable[[Json], Answer], request: Json) -> Answer:
        return refused(request.get("definition")) or original(request)

    @replaces("ministack.services.stepfunctions", "_update_state_machine", source="476e0deee6a3")
    def update_state_machine(original: Callable[[Json], Answer], request: Json) -> Answer:
        return (refused(request["definition"]) if "definition" in request else None) or original(request)
