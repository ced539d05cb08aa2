"""`tributary load` with the files that people have: every row is in the table, or named and counted."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_table import FakeDynamoDB, table

from operations import cli
from operations.instruments.raw import Item
from operations.table_replica import csv_records, deployed, logfile

pytestmark = pytest.mark.pure

ROWS = 30
Load = Callable[..., tuple[int, str, str]]


@pytest.fixture
def far() -> FakeDynamoDB:
    return FakeDynamoDB()


@pytest.fixture
def load(
    far: FakeDynamoDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Load:
    """`load(content, "--on-error", "skip")`: exit code, output and errors of `tributary load` of such a file."""
    monkeypatch.setattr(deployed, "table_of", lambda *_: table(far))

    def run(content: bytes | str, *options: str) -> tuple[int, str, str]:
        file = tmp_path / "rows.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(["load", str(file), "--table", "logfile", *options])
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err.replace(f"{file}", "rows.csv")

    return run


def rows(changed: dict[int, dict[str, str]] | None = None, count: int = ROWS) -> list[dict[str, str]]:
    """Generated rows; `changed` are values by the row's line in the file, the header being line 1."""
    found = list(logfile.generate(count, seed=1))
    for line, values in (changed or {}).items():
        found[line - 2].update(values)
    return found


def text(changed: dict[int, dict[str, str]] | None = None) -> str:
    file = io.StringIO()
    logfile.write(file, iter(rows(changed)))
    return file.getvalue()


def with_line(number: int, line: str) -> str:
    lines = text().splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def keys(lines: range | list[int]) -> set[str]:
    """The keys of the items of these lines."""
    return {f"request#{line - 1}" for line in lines}


def stored(far: FakeDynamoDB) -> set[str]:
    return {item["PK"]["S"] for item in far.items.values()}


def attribute(far: FakeDynamoDB, name: str) -> str:
    """The value that the item of line 11 has."""
    [item] = [item for item in far.items.values() if item["PK"]["S"] == "request#10"]
    return str(item[name]["S"])


ALL = range(2, ROWS + 2)


@pytest.mark.parametrize(
    ("bom", "encoding", "options"),
    [
        (b"", "utf-8", ()),
        (codecs.BOM_UTF8, "utf-8", ()),
        (codecs.BOM_UTF8, "utf-8", ("--encoding", "utf-8-sig")),
        (b"", "latin-1", ("--encoding", "latin-1")),
        (b"", "utf-16", ("--encoding", "utf-16")),
        (codecs.BOM_UTF16_LE, "utf-16-le", ("--encoding", "utf-16-le")),
    ],
)
def test_a_file_is_loaded_in_its_encoding(
    load: Load, far: FakeDynamoDB, bom: bytes, encoding: str, options: tuple[str, ...]
) -> None:
    content = bom + text({11: {"url": "/grüße"}}).encode(encoding)
    code, out, _ = load(content, *options)
    assert (code, out.startswith(f"RowCount: {ROWS},")) == (0, True)
    assert stored(far) == keys(ALL)
    assert attribute(far, "url") == "/grüße"


@pytest.mark.parametrize("on_error", ["stop", "skip"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            text({11: {"url": "/ö"}}).replace("ä", "ae").encode("latin-1"),
            "line 11 is not utf-8: byte 0xf6. Name the encoding",
        ),
        (text().encode("utf-16"), "line 1 is not utf-8: byte 0xff. It begins as UTF-16 does: add `--encoding utf-16`"),
        (text().encode("utf-16-le"), "It looks like UTF-16: add `--encoding utf-16-le`."),
        (text().replace("ä", "ae").encode("utf-16-le"), "It looks like UTF-16: add `--encoding utf-16-le`, or"),
    ],
)
def test_another_encoding_is_told_in_one_line_before_the_first_row(
    load: Load, far: FakeDynamoDB, content: bytes, said: str, on_error: str
) -> None:
    code, _, error = load(content, "--on-error", on_error)
    assert (code, stored(far)) == (1, set())
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_an_encoding_that_there_is_not_is_refused(load: Load) -> None:
    code, _, error = load(text(), "--encoding", "latin-one")
    assert code == 2
    assert "no encoding of text" in error
    assert load(text(), "--encoding", "base64")[0] == 2


@pytest.mark.parametrize("value", ["x" * 200_000, 'say "hello",\nand go on\r\n' * 8_000, '"' * 390_000])
def test_a_field_may_be_as_long_as_an_item(load: Load, far: FakeDynamoDB, value: str) -> None:
    code, out, _ = load(text({11: {"useragent": value}}))
    assert (code, out.startswith(f"RowCount: {ROWS},")) == (0, True)
    assert stored(far) == keys(ALL)
    assert attribute(far, "useragent") == value


def test_what_is_longer_than_any_item_is_skipped_alone_and_not_kept_in_memory(load: Load, far: FakeDynamoDB) -> None:
    long = 'so "long",\n' * 100_000
    code, out, error = load(text({11: {"useragent": long}}), "--on-error", "skip")
    assert stored(far) == keys(ALL) - keys([11])
    assert "rows.csv:11: it has more than" in error
    # How many rows were within these quotes nobody can say.
    assert code == 1
    assert "it took along lines 12 to 100011" in error
    assert out.startswith(f"RowCount: {ROWS - 1},")


@pytest.mark.parametrize(
    ("line", "last", "said"),
    [
        ('10,"66.249.67.3,2009-07-21', 31, "rows.csv:11: a quote that is opened is not closed"),
        ('10,"a\nb","66.249.67.3,2009-07-21', 32, "rows.csv:11: a quote that is opened in line 12 is not closed"),
    ],
)
def test_a_quote_that_is_not_closed_is_named_where_it_began(
    load: Load, far: FakeDynamoDB, line: str, last: int, said: str
) -> None:
    content = with_line(11, line).replace('"/search?q=käse,brot"', "/")
    code, out, error = load(content, "--on-error", "skip")
    assert f"{said}; it took along lines 12 to {last}" in error
    assert stored(far) == keys(range(2, 11))
    assert out.startswith("RowCount: 9,")
    assert f"Skipped: {last - 10}" in error
    assert "may be good rows" in error
    assert code == 1

    code, _, error = load(content)
    assert code == 1
    assert said.replace("rows.csv:", "line ") in error


def test_a_quote_that_meets_another_one_is_named_where_it_began(load: Load, far: FakeDynamoDB) -> None:
    lines = with_line(11, '10,"66.249.67.3,2009-07-21').replace('"/search?q=käse,brot"', "/").splitlines()
    lines[14] = lines[14].replace("66.249", '"66.249').replace(",2009", '",2009')
    code, out, error = load("\n".join(lines), "--on-error", "skip")
    assert "rows.csv:11: ',' expected after '\"'; it took along lines 12 to 15" in error
    assert stored(far) == keys([*range(2, 11), *range(16, 32)])
    assert (code, "Skipped: 5" in error, out.startswith("RowCount: 25,")) == (1, True, True)


def refused_by_a_table(item: Item) -> str | None:
    """What a fake table refuses: as much of DynamoDB's rules as these tests need."""
    if len(item["bytessent"]["N"]) > 38:
        return "Attempting to store more than 38 significant digits in a Number"
    if len(item["GSI_1_PK"]["S"]) > 2048:
        return "Size of hashkey has exceeded the maximum size limit of2048 bytes"
    return None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"bytessent": "1_000"}, "the column bytessent is '1_000', which is no number"),
        ({"bytessent": "１２"}, "the column bytessent is '１２', which is no number"),
        ({"bytessent": "9" * 39}, "table `logfile` refuses it: Attempting to store more than 38 significant digits"),
        ({"host": "h" * 2100}, "table `logfile` refuses it: Size of hashkey has exceeded"),
    ],
)
def test_a_row_that_cannot_be_stored_is_named_by_its_line_and_skipped_alone(
    load: Load, far: FakeDynamoDB, changed: dict[str, str], said: str
) -> None:
    far.refuses = refused_by_a_table
    content = text({11: changed, 23: changed})
    code, out, error = load(content, "--on-error", "skip")
    assert (code, out.startswith("RowCount: 28,"), "Skipped: 2" in error) == (0, True, True)
    assert f"rows.csv:11: {said}" in error
    assert f"rows.csv:23: {said}" in error
    assert stored(far) == keys(ALL) - keys([11, 23])

    far.items.clear()
    code, _, error = load(content)
    assert code == 1
    assert f"line 11: {said}" in error
    assert stored(far) <= keys(ALL) - keys([11, 23])
    assert f"The other {len(stored(far))} rows read so far are in the table" in error


def test_a_refused_row_leaves_the_row_before_it_with_the_same_key(load: Load, far: FakeDynamoDB) -> None:
    far.refuses = refused_by_a_table
    content = text({11: {"requestid": "9", "bytessent": "9" * 39}})
    code, out, _ = load(content, "--on-error", "skip")
    assert (code, out.startswith("RowCount: 29,")) == (0, True)
    assert stored(far) == keys(ALL) - keys([11])


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("PK,requestid,host", "its header has the column PK, which `load` itself makes of requestid and host"),
        ("requestid,host,GSI_1_PK", "its header has the column GSI_1_PK, which `load` itself makes"),
        ("requestid,,host", "column 2 of its header has no name"),
        ("requestid,host,host", "its header has the column host twice"),
        ("requestid,hosts", "its header has no column host;"),
        ("requestid;host;date", "Here they seem to be separated by ';'"),
        ('requestid,"host', "its header in line 1 cannot be read: a quote that is opened is not closed"),
        ("", "its header has no column requestid and host"),
    ],
)
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_a_header_that_does_not_go_with_the_table_is_refused_before_the_first_row(
    load: Load, far: FakeDynamoDB, header: str, said: str, on_error: str
) -> None:
    code, _, error = load(f"{header}\n1,2,3\n", "--on-error", on_error)
    assert (code, far.items) == (1, {})
    assert said in error


@pytest.mark.parametrize(
    ("key", "types", "said"),
    [
        (("id",), {}, "whose key is id (S): they have the key PK (S)"),
        (("PK",), {"PK": "N"}, "whose key is PK (N)"),
        (("PK", "date"), {}, "whose key is PK (S), date (S)"),
        (("host",), {}, "whose key is host (S)"),
    ],
)
def test_a_table_with_other_keys_is_refused_before_the_first_row(
    load: Load, far: FakeDynamoDB, key: tuple[str, ...], types: dict[str, str], said: str
) -> None:
    far.keys, far.types = key, types
    code, _, error = load(text())
    assert (code, far.items) == (1, {})
    assert said in error


def test_a_table_whose_keys_every_row_has_is_loaded(load: Load, far: FakeDynamoDB) -> None:
    far.keys, far.types = ("host", "requestid"), {"requestid": "N"}
    assert load(text())[0] == 0
    assert stored(far) == keys(ALL)


def test_memory_does_not_grow_with_what_an_open_quote_takes_along() -> None:
    class Endless(io.StringIO):
        """Lines without an end, a gigabyte of them; counts what is held at a time by the size of what is asked for."""

        def __init__(self) -> None:
            super().__init__()
            self.asked_chars: list[int] = []
            self.left = 2000

        def readline(self, size: int | None = -1, /) -> str:
            self.asked_chars.append(size or -1)
            self.left -= 1
            return "" if self.left < 0 else ('a,"b' if self.left == 1999 else "x" * 500) + "\n"

    file = Endless()
    [found] = csv_records.records(file)
    assert isinstance(found, csv_records.Malformed)
    assert (found.line, found.rows) == (1, 2000)
    assert found.reason.startswith("a quote that is opened is not closed")
    assert 0 < min(file.asked_chars) <= max(file.asked_chars) <= csv_records.MAX_RECORD_CHARS


def test_the_lines_of_a_file_are_those_of_its_reader(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'a,b\r\n"1\r2",3\n4,5\r6,7\n')
    assert csv_records.count_lines(file, "utf-8") == 5
    with file.open(newline="") as opened:
        found = list(csv_records.records(opened))
    assert [(one.line, one.fields) for one in found if isinstance(one, csv_records.Record)] == [
        (1, ["a", "b"]),
        (2, ["1\r2", "3"]),
        (4, ["4", "5"]),
        (5, ["6", "7"]),
    ]
    # Of the whole process: another reader may have asked for more.
    assert csv.field_size_limit() >= csv_records.MAX_RECORD_CHARS
