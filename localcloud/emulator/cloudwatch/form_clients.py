"""Serves clients of CloudWatch that speak the Query protocol: forms are asked with, XML is answered with.

SDKs spoke it until 2024, and Terraform's AWS provider 5 and older CLIs still do. CloudWatch takes CBOR, JSON and forms
alike; the emulator's answers to forms lack half of an alarm, and it takes no metric math from them. Here a form becomes
JSON by the service's model once it is authorized, and the answer XML.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/making-api-requests.html
https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

import datetime
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from localcloud.emulator.model_checks import from_form, model
from localcloud.emulator.request_gate import Response

SERVICE = "monitoring"
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/x-amz-json-1.0"
_TARGET = "GraniteServiceVersion20100801"


def as_json(body: bytes, query_params: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The operation of a form, and its parameters; None when it names no operation of CloudWatch."""
    form = {name: value[0] if isinstance(value, list) else value for name, value in query_params.items()}
    form |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    operation, described = form.get("Action", ""), model("cloudwatch")
    if operation not in described.operation_names:
        return None
    shape = described.operation_model(operation).input_shape
    return operation, (from_form(shape, form) if shape is not None else {})


def as_xml(operation: str, answer: Response) -> Response:
    """An answer in JSON as the Query protocol has it."""
    status, headers, body = answer
    data = json.loads(body) if body else {}
    if status >= 300:
        code = headers.get("x-amzn-query-error", "").partition(";")[0] or str(data.get("__type", "")).rpartition("#")[2]
        text = escape(str(data.get("message") or data.get("Message") or ""))
        kind = "Sender" if status < 500 else "Receiver"
        error = f"<Error><Type>{kind}</Type><Code>{escape(code)}</Code><Message>{text}</Message></Error>"
        return _answer(status, headers, "ErrorResponse", error)
    shape = model("cloudwatch").operation_model(operation).output_shape
    result = "".join(_members(shape, data)) if shape is not None else ""
    return _answer(status, headers, f"{operation}Response", f"<{operation}Result>{result}</{operation}Result>")


def _answer(status: int, headers: Mapping[str, str], element: str, content: str) -> Response:
    namespace = model("cloudwatch").metadata["xmlNamespace"]
    request_id = f"<RequestId>{escape(headers.get('x-amzn-requestid', ''))}</RequestId>"
    if status < 300:
        request_id = f"<ResponseMetadata>{request_id}</ResponseMetadata>"
    own = {name: value for name, value in headers.items() if name.lower() not in ("content-type", "content-length")}
    text = f'<{element} xmlns="{namespace}">{content}{request_id}</{element}>'
    return status, {**own, "Content-Type": "text/xml"}, text.encode()


def _members(shape: Any, value: Mapping[str, Any]) -> Iterator[str]:
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield f"<{name}>{_content(member, value[name])}</{name}>"


def _content(shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        return "".join(_members(shape, value))
    if shape.type_name == "list":
        return "".join(f"<member>{_content(shape.member, item)}</member>" for item in value)
    if shape.type_name == "boolean":
        return str(bool(value)).lower()
    if shape.type_name == "timestamp" and isinstance(value, int | float):
        return datetime.datetime.fromtimestamp(value, datetime.UTC).isoformat().replace("+00:00", "Z")
    return escape(str(value))


def install() -> None:
    """Wrap what serves CloudWatch by now."""
    from ministack import app

    handler: Callable[..., Any] = app.SERVICE_HANDLERS[SERVICE]

    async def from_forms(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
    ) -> Response:
        asked = as_json(body, query_params) if headers.get("content-type", "").startswith(_FORM) else None
        if asked is None:
            plain: Response = await handler(method, path, headers, body, query_params)
            return plain
        operation, data = asked
        own = {**headers, "content-type": _JSON, "x-amz-target": f"{_TARGET}.{operation}"}
        answer: Response = await handler("POST", "/", own, json.dumps(data).encode(), {})
        return as_xml(operation, answer)

    app.SERVICE_HANDLERS[SERVICE] = from_forms
