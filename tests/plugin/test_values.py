"""The wire format survives a round trip, and secrets stay secret wherever their text goes."""

import pytest
from pulumi.runtime import rpc

from localcloud.plugin import values
from localcloud.plugin.values import (
    UNKNOWN,
    Archive,
    Asset,
    Secret,
    decode_properties,
    encode_properties,
    has_unknown,
    known,
    reveal,
    seal,
)

pytestmark = pytest.mark.pure


def test_every_kind_of_value_survives_the_wire() -> None:
    properties = {
        "text": "a",
        "number": 3,
        "fraction": 0.5,
        "flag": False,
        "list": [1, "b", [True]],
        "unknown": UNKNOWN,
        "secret": Secret({"inner": ["x"]}),
        "asset": Asset("text", "print()", "h1"),
        "archive": Archive(
            "assets", {"m.py": Asset("path", "/m.py", "h2"), "more": Archive("path", "/more", "h3")}, "h4"
        ),
        "kept": Archive("hash", "", "h5"),
    }

    assert decode_properties(encode_properties(properties)) == properties


def test_nulls_mean_not_set() -> None:
    assert decode_properties(encode_properties({"a": None, "b": {"c": None}})) == {"b": {}}


def test_unknown_parts_are_found_and_left_out() -> None:
    value = {"a": [1, UNKNOWN], "b": UNKNOWN, "c": {"d": 2}}

    assert has_unknown(value)
    assert known(value) == {"a": [1], "c": {"d": 2}}
    assert not has_unknown(known(value))


def test_outputs_made_of_secrets_are_sealed() -> None:
    inputs = {"environment": {"variables": {"PASSWORD": Secret("hunter2"), "MODE": "fast"}}, "name": "copier"}
    outputs = {**reveal(inputs), "url": "https://x/?p=hunter2", "arn": "arn:copier"}

    assert seal(outputs, inputs) == {
        "environment": Secret({"variables": {"PASSWORD": "hunter2", "MODE": "fast"}}),
        "url": Secret("https://x/?p=hunter2"),
        "name": "copier",
        "arn": "arn:copier",
    }


def test_the_keys_of_the_wire_format_are_those_of_the_sdk() -> None:
    ours = (
        values.UNKNOWN_TEXT,
        values.SIGNATURE,
        values.ASSET,
        values.ARCHIVE,
        values.SECRET,
        values.RESOURCE,
        values.OUTPUT,
    )
    assert ours == (
        rpc.UNKNOWN,
        rpc._special_sig_key,
        rpc._special_asset_sig,
        rpc._special_archive_sig,
        rpc._special_secret_sig,
        rpc._special_resource_sig,
        rpc._special_output_value_sig,
    )
