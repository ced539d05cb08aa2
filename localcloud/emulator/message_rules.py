"""What SQS and SNS have in common about a message: its size, its attributes, the tokens of FIFO messages. Pure.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

# By name: {"DataType": …, "StringValue": …} or, as base64, {"DataType": …, "BinaryValue": …}.
Attributes = Mapping[str, Mapping[str, Any]]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
# A MessageGroupId or MessageDeduplicationId.
_TOKEN = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_RESERVED_PREFIXES = ("aws.", "amazon.")
_TYPES = ("String", "Number", "Binary")
MAX_TYPE_CHARACTERS = 256


def size_bytes(body: str, attributes: Attributes) -> int:
    """The size that limits are about: the body, and the name, the type and the value of each attribute."""
    return len(body.encode()) + sum(
        len(name.encode()) + len(str(one.get("DataType") or "").encode()) + _value_bytes(one)
        for name, one in attributes.items()
    )


def problem_of(attributes: Attributes) -> str | None:
    """Why these attributes are refused, or None."""
    for name, attribute in attributes.items():
        problem = _name_problem(name) or _value_problem(name, attribute)
        if problem:
            return problem
    return None


def is_token(text: str) -> bool:
    """Whether a text can be a MessageGroupId or a MessageDeduplicationId."""
    return _TOKEN.fullmatch(text) is not None


def _value_bytes(attribute: Mapping[str, Any]) -> int:
    if attribute.get("BinaryValue"):
        return len(base64.b64decode(attribute["BinaryValue"]))
    return len(str(attribute.get("StringValue") or "").encode())


def _name_problem(name: str) -> str | None:
    if not _NAME.fullmatch(name) or ".." in name or name.startswith(".") or name.endswith("."):
        return (
            f"Invalid message attribute name '{name}'. It has 1 to 256 alphanumeric characters, underscores, hyphens "
            "and periods, no period at its start or end, and no two in a row."
        )
    if name.lower().startswith(_RESERVED_PREFIXES):
        return f"The message attribute name '{name}' begins with a reserved prefix: {', '.join(_RESERVED_PREFIXES)}."
    return None


def _value_problem(name: str, attribute: Mapping[str, Any]) -> str | None:
    data_type = str(attribute.get("DataType") or "")
    if not data_type:
        return f"The message attribute '{name}' must contain non-empty message attribute type."
    kind = data_type.split(".", 1)[0]
    if kind not in _TYPES or len(data_type) > MAX_TYPE_CHARACTERS:
        return (
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes "
            "is Binary, Number, and String."
        )
    used, other = ("BinaryValue", "StringValue") if kind == "Binary" else ("StringValue", "BinaryValue")
    if not attribute.get(used):
        if attribute.get(other):
            field = used.removesuffix("Value")
            return f"The message attribute '{name}' with type '{data_type}' must use field '{field}'."
        return (
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type "
            f"'{data_type}'."
        )
    if kind == "Number" and not _is_number(str(attribute["StringValue"])):
        return f"Could not cast message attribute '{name}' value to number."
    if kind == "Binary" and not _is_base64(str(attribute["BinaryValue"])):
        return f"The message attribute '{name}' contains an invalid Base64 Encoded String as a binary value."
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True
