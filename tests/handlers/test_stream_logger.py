"""The stream logger's lines: where a record is and how large it is; what it holds only on request."""

import base64
import importlib
import json
from typing import Any

import pytest

from handlers.shared.errors import SettingsError
from handlers.stream_logger.lines import line_of
from handlers.stream_logger.settings import Settings

pytestmark = pytest.mark.pure


def record(data: bytes, sequence_number: str = "495") -> dict[str, Any]:
    return {
        "eventID": f"shardId-000000000001:{sequence_number}",
        "kinesis": {
            "sequenceNumber": sequence_number,
            "partitionKey": "käufer",
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1_795_374_590.25,
        },
    }


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", b"abcd", bytes(range(256))])
def test_a_line_has_the_place_and_the_exact_size_and_nothing_of_the_data(data: bytes) -> None:
    assert json.loads(line_of(record(data), log_data=False)) == {
        "shardId": "shardId-000000000001",
        "sequenceNumber": "495",
        "partitionKey": "käufer",
        "arrivalTime": 1_795_374_590.25,
        "sizeBytes": len(data),
    }


def test_the_data_is_logged_on_request_as_text_or_in_base64() -> None:
    assert json.loads(line_of(record("☂\n".encode()), log_data=True))["data"] == "☂\n"
    assert json.loads(line_of(record(b"\xff"), log_data=True))["base64Data"] == "/w=="


def test_a_batch_is_logged_in_order_and_nothing_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    main = importlib.import_module("handlers.stream_logger.main")
    reply = main.handler({"Records": [record(b"x", str(number)) for number in range(3)]}, None)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["sequenceNumber"] for line in lines] == ["0", "1", "2"]
    assert reply == {"batchItemFailures": []}
    assert main.handler({"Records": []}, None) == {"batchItemFailures": []}
    assert capsys.readouterr().out == ""


def test_a_wrong_setting_names_itself() -> None:
    assert Settings.from_environment({}) == Settings(log_data=False)
    assert Settings.from_environment({"LOG_DATA": "true"}) == Settings(log_data=True)
    with pytest.raises(SettingsError, match="LOG_DATA is 'yes': it must be true or false"):
        Settings.from_environment({"LOG_DATA": "yes"})
