"""CreateEventSourceMapping, UpdateEventSourceMapping and DeleteEventSourceMapping for streams;
`queue_mappings` has the rules of queues.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html , …/API_UpdateEventSourceMapping.html ,
…/API_DeleteEventSourceMapping.html
"""

import time
from collections.abc import Callable
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, new_uuid

from localcloud.emulator.event_sources import engine, queue_mappings, queue_reading
from localcloud.emulator.event_sources.access import CannotReadError
from localcloud.emulator.event_sources.settings import DEFAULTS
from localcloud.emulator.event_sources.sources import SourceNotFoundError, stream_of_consumer
from localcloud.emulator.event_sources.validation import (
    STARTING_POSITIONS,
    InvalidError,
    require_idle,
    require_not_deleting,
    require_starting_position,
    require_valid,
)
from localcloud.emulator.patching import replaces

Answer = tuple[int, dict[str, str], Any]
Request = dict[str, Any]

# Kept when they are given, and changeable.
OPTIONAL = ("FilterCriteria", "MetricsConfig")

STATUS = {"ResourceConflictException": 409, "ResourceInUseException": 400, "ResourceNotFoundException": 404}


def create(original: Callable[[Request], Answer], request: Request) -> Answer:
    """Create the mapping of a stream or a queue.

    Raises InvalidError.
    """
    from ministack.services import lambda_svc

    source_arn = request.get("EventSourceArn") or ""
    service = _service_of(source_arn)
    require_valid(request, service)
    name, qualifier, missing = lambda_svc._resolve_existing_esm_function(request.get("FunctionName", ""))
    if missing:
        answer: Answer = missing
        return answer
    function_arn = lambda_svc._func_arn(name) + (f":{qualifier}" if qualifier else "")
    _require_new(source_arn, function_arn)
    if service not in STARTING_POSITIONS:
        return queue_mappings.create(original, request, function_arn)
    require_starting_position(request, service)
    if source_arn.split(":")[3] != get_region():
        raise InvalidError(f"Event source region must match Lambda region {get_region()}.")
    enabled = request.get("Enabled", True) is not False
    record: dict[str, Any] = {
        "UUID": new_uuid(),
        "EventSourceArn": source_arn,
        "FunctionArn": function_arn,
        "FunctionName": name,
        "Qualifier": qualifier,
        "State": "Creating",
        "StateTransitionReason": "User action",
        "LastModified": time.time(),
        "LastProcessingResult": "No records processed",
        "Enabled": enabled,
        "StartingPosition": request["StartingPosition"],
        **{key: request[key] for key in ("StartingPositionTimestamp", *OPTIONAL, "Tags") if request.get(key)},
        **{key: request[key] if request.get(key) is not None else default for key, default in DEFAULTS.items()},
    }
    try:
        mapping = engine.prepare(get_account_id(), get_region(), record)
        mapping.reader.require_all()
    except SourceNotFoundError as error:
        raise InvalidError(f"Stream not found: {source_arn}. {error}") from None
    except CannotReadError as error:
        raise InvalidError(str(error)) from None
    shown = lambda_svc._esm_response(record)
    lambda_svc._esms[record["UUID"]] = record
    engine.put_to_work(mapping)
    return _accepted(shown)


def update(original: Callable[[str, Request], Answer], mapping_id: str, request: Request) -> Answer:
    """Change a mapping; it goes on from where it was. Raises InvalidError."""
    from ministack.services import lambda_svc

    mapping = engine.find(mapping_id)
    record = lambda_svc._esms.get(mapping_id)
    if record is None:
        return original(mapping_id, request)
    service = _service_of(record["EventSourceArn"])
    require_valid(request, service)
    if mapping is None:
        return queue_mappings.update(original, record, request)
    require_idle(record)
    if request.get("FunctionName"):
        name, qualifier, missing = lambda_svc._resolve_existing_esm_function(request["FunctionName"])
        if missing:
            answer: Answer = missing
            return answer
        arn = lambda_svc._func_arn(name) + (f":{qualifier}" if qualifier else "")
        if arn != record["FunctionArn"]:
            _require_new(record["EventSourceArn"], arn)
        record |= {"FunctionName": name, "Qualifier": qualifier, "FunctionArn": arn}
    record |= {key: request[key] for key in (*DEFAULTS, *OPTIONAL) if request.get(key) is not None}
    enabled = request["Enabled"] if request.get("Enabled") is not None else record["Enabled"]
    record["State"] = "Updating" if enabled == record["Enabled"] else "Enabling" if enabled else "Disabling"
    record |= {"Enabled": enabled, "LastModified": time.time(), "StateTransitionReason": "User action"}
    shown = lambda_svc._esm_response(record)
    engine.change(mapping)
    return _accepted(shown)


def delete(original: Callable[[str], Answer], mapping_id: str) -> Answer:
    """Delete a mapping: no batch is sent any more, and it is gone when the one in flight has ended.

    Raises InvalidError.
    """
    from ministack.services import lambda_svc

    mapping = engine.find(mapping_id)
    record = lambda_svc._esms.get(mapping_id)
    if record is None:
        return original(mapping_id)
    require_not_deleting(record)
    if mapping is None:
        return queue_mappings.delete(original, record)
    record |= {"State": "Deleting", "LastModified": time.time()}
    shown = lambda_svc._esm_response(record)
    engine.remove(mapping)
    return _accepted(shown)


def _service_of(source_arn: str) -> str:
    try:
        spec = parse_arn(source_arn)
    except ArnParseError:
        raise InvalidError(f"Unrecognized event source: {source_arn!r} is not an ARN.") from None
    resource = spec.resource
    forms = {
        "kinesis": resource.startswith("stream/") and (resource.count("/") == 1 or stream_of_consumer(source_arn)),
        "dynamodb": resource.startswith("table/") and "/stream/" in resource,
        "sqs": bool(resource),
    }
    if not forms.get(spec.service):
        raise InvalidError(
            f"Unrecognized event source, must be kinesis, dynamodb stream or sqs. Unsupported source arn: {source_arn}"
        )
    service: str = spec.service
    return service


def _require_new(source_arn: str, function_arn: str) -> None:
    from ministack.services import lambda_svc

    for other in lambda_svc._esms.values():
        if other["EventSourceArn"] == source_arn and other["FunctionArn"] == function_arn:
            raise InvalidError(
                f'The event source arn (" {source_arn} ") and function (" {function_arn} ") provided mapping already '
                f"exists. Please update or delete the existing mapping with UUID {other['UUID']}",
                "ResourceConflictException",
            )


def _accepted(body: dict[str, Any]) -> Answer:
    answer: Answer = json_response(body, 202)
    return answer


def _refusing(serve: Callable[..., Answer]) -> Callable[..., Answer]:
    def refusing(*args: Any) -> Answer:
        try:
            return serve(*args)
        except InvalidError as invalid:
            answer: Answer = error_response_json(invalid.code, str(invalid), STATUS.get(invalid.code, 400))
            return answer

    return refusing


def install() -> None:
    @replaces("ministack.services.lambda_svc", "_create_esm", source="d351521bb6cd")
    def _create_esm(original: Callable[[Request], Answer], data: Request) -> Answer:
        return _refusing(create)(original, data)

    @replaces("ministack.services.lambda_svc", "_update_esm", source="1b7e0409cb65")
    def _update_esm(original: Callable[[str, Request], Answer], esm_id: str, data: Request) -> Answer:
        return _refusing(update)(original, esm_id, data)

    @replaces("ministack.services.lambda_svc", "_delete_esm", source="23854a6afd65")
    def _delete_esm(original: Callable[[str], Answer], esm_id: str) -> Answer:
        return _refusing(delete)(original, esm_id)

    queue_reading.install()

    # Streams are read by the engine.
    @replaces("ministack.services.lambda_svc", "_poll_kinesis", source="0d590120d060")
    def _poll_kinesis(_original: object) -> bool:
        return False

    @replaces("ministack.services.lambda_svc", "_poll_dynamodb_streams", source="2b2460e933a9")
    def _poll_dynamodb_streams(_original: object) -> bool:
        return False
