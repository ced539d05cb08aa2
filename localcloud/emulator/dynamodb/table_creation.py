"""What CreateTable refuses: a list of indexes that is empty, where a table without any leaves the list out.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html; the words are recorded ones.
"""

from ministack.core.responses import error_response_json

from localcloud.emulator.request_gate import Call, Response, before

LISTS = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")


def install() -> None:
    @before("dynamodb")
    def indexes_are_left_out(call: Call) -> Response | None:
        if call.action == "dynamodb:CreateTable":
            for name in LISTS:
                if call.data.get(name) == []:
                    message = f"One or more parameter values were invalid: List of {name} is empty"
                    refused: Response = error_response_json("ValidationException", message, 400)
                    return refused
        return None
