"""The function of these tests: prints what it gets as one line, then does what the records ask for.

A record's body is JSON: `n` names it, `do` says what happens to it, `until` (s since the epoch) when that ends. What
`respond` gives is returned as it is.
"""

import base64
import json
import time


def handler(event, context):
    records = [parse(record) for record in event["Records"]]
    rest = {key: value for key, value in event.items() if key != "Records"}
    line = {"at": time.time(), "batch": [body["n"] for _, body in records], "arn": context.invoked_function_arn, **rest}
    print("BATCH " + json.dumps(line))
    if any(body.get("do") == "show" for _, body in records):
        print("EVENT " + json.dumps(event))
    for number, body in records:
        if time.time() > body.get("until", float("inf")):
            continue
        match body.get("do"):
            case "raise":
                raise RuntimeError(f"record {body['n']}")
            case "fail":
                return {"batchItemFailures": [{"itemIdentifier": number}]}
            case "sleep":
                time.sleep(body["s"])
            case "respond":
                return body["response"]
    return {"batchItemFailures": []}


def parse(record):
    """The sequence number and the body of a Kinesis or DynamoDB record; a body that is not JSON names itself."""
    if "kinesis" in record:
        data = base64.b64decode(record["kinesis"]["data"])
        return record["kinesis"]["sequenceNumber"], _body(data)
    change = record["dynamodb"]
    image = change.get("NewImage", {})
    return change["SequenceNumber"], {"n": change["Keys"]["pk"]["S"], **_body(image.get("body", {}).get("S", "{}"))}


def _body(text):
    try:
        body = json.loads(text)
        return body if isinstance(body, dict) else {"n": body}
    except ValueError:
        return {"n": str(text)}
