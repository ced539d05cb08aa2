"""Object names as in the examples of https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html."""

import re
from datetime import UTC, datetime

import pytest

from localcloud.emulator.firehose import prefixes

pytestmark = pytest.mark.pure

T = datetime(2018, 8, 27, 10, 30, 5, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("yyyy/MM/dd/HH/", "2018/08/27/10/"),
        ("'year='yyyy'/month='MM'/day='dd'/hour='HH", "year=2018/month=08/day=27/hour=10"),
        ("yy M MMM MMMM d D", "18 8 Aug August 27 239"),
        ("hh:mm:ss a SSS", "10:30:05 AM 123"),
        ("EEE EEEE", "Mon Monday"),
        ("''yyyy'it''s'", "'2018it's"),
        ("yyyy-MM-dd'T'HH", "2018-08-27T10"),
    ],
)
def test_java_date_time_patterns(pattern, expected):
    assert prefixes.format_time(pattern, T) == expected


def test_a_letter_that_names_nothing_is_an_error():
    with pytest.raises(ValueError, match="Unknown pattern letter: f"):
        prefixes.format_time("yyyy f", T)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", "2018/08/27/10/"),
        ("myFirehosePrefix", "myFirehosePrefix2018/08/27/10/"),
        ("logs/!{timestamp:yyyy}/", "logs/2018/"),
        ("myPrefix/year=!{timestamp:yyyy}/month=!{timestamp:MM}/", "myPrefix/year=2018/month=08/"),
        ("id=!{partitionKeyFromQuery:id}/", "id=7/2018/08/27/10/"),
        ("!{partitionKeyFromLambda:shard}/!{timestamp:HH}/", "s1/10/"),
    ],
)
def test_data_prefix(template, expected):
    keys = {"partitionKeyFromQuery": {"id": "7"}, "partitionKeyFromLambda": {"shard": "s1"}}
    assert prefixes.data_prefix(template, T, keys) == expected


@pytest.mark.parametrize(
    ("template", "prefix", "expected"),
    [
        ("myFirehoseFailures/!{firehose:error-output-type}/", "", "myFirehoseFailures/processing-failed/"),
        ("bad/!{firehose:error-output-type}/!{timestamp:yyyy}/", "x/", "bad/processing-failed/2018/"),
        (None, "myFirehosePrefix/", "myFirehosePrefix/processing-failed/2018/08/27/10/"),
        ("plain/", "", "plain/"),
    ],
)
def test_error_prefix(template, prefix, expected):
    assert prefixes.error_prefix(template, prefix, T, "processing-failed") == expected


def test_random_strings_have_eleven_characters_and_differ():
    evaluated = prefixes.evaluate("!{firehose:random-string}/!{firehose:random-string}", T, keys={})
    first, second = evaluated.split("/")
    assert (len(first), len(second)) == (11, 11)
    assert first != second


def test_the_suffix_names_stream_version_and_second():
    suffix = prefixes.object_suffix("my-stream", 3, T, ".gz")
    assert re.fullmatch(r"my-stream-3-2018-08-27-10-30-05-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.gz", suffix)


def test_a_time_zone_moves_the_hour():
    assert prefixes.local_time(int(T.timestamp() * 1000), "Asia/Tokyo").hour == 19
