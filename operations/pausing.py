"""`tributary pause` and `resume`: hold all functions of an instance of any kind, and let them go on."""

from operations.dialogue import Dialogue, Result
from operations.instances import Instance
from operations.instruments import holding
from operations.instruments.functions import StreamFunction
from operations.instruments.holding import Notes


def pause(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Hold the functions; what comes waits in their streams."""
    functions = at.functions()
    for one in at.mappings():
        dialogue.say(f"`{one.function}` stops; what comes waits in {one.source_arn}, {_kept(one.source_arn)}.")
    dialogue.confirm("Pause?")
    for function in functions:
        holding.pause(function.lambda_, *function.mapping_ids)
        _take_over(function)
    return _result("paused", functions, f"Paused. `tributary resume {at.stack.name}` goes on from here.")


def resume(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Let functions go on that were paused, from where they stopped."""
    functions = at.functions()
    for one in at.mappings():
        dialogue.say(f"`{one.function}` goes on with {one.source_arn} from where it stopped.")
    dialogue.confirm("Resume?")
    for function in functions:
        holding.resume(function.lambda_, *function.mapping_ids)
        _take_over(function)
    return _result("resumed", functions, "Resumed.")


def _take_over(function: StreamFunction) -> None:
    """Whatever an operation that was killed left, somebody has said now what is to be."""
    if function.failure_bucket:
        notes = Notes(function.s3, function.failure_bucket)
        for mapping_id in function.mapping_ids:
            notes.remove(mapping_id)


def _kept(source_arn: str) -> str:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html: 24 hours"""
    if source_arn.split(":")[2] == "dynamodb":
        return "for 24 hours, no longer"
    return "for as long as the stream keeps it, no longer"


def _result(what: str, functions: list[StreamFunction], text: str) -> Result:
    return Result({what: {one.name: list(one.mapping_ids) for one in functions}}, text)
