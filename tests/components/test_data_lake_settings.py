"""What a stack file says wrongly about a data lake is told with the setting, what is right, and why."""

import re
from typing import Any

import pytest

from components.data_lake.prefixes import static_part
from components.data_lake.settings import LakeSettings, ProducerSettings
from components.errors import SettingsError
from components.kinds import KINDS
from components.stack_files import check_place, parse

pytestmark = pytest.mark.pure

ACCESS = {"accountId": "888888888888", "bucketName": "the-lake", "keyArn": "arn:aws:kms:us-east-1:888888888888:key/1"}


def parsed(**settings: Any) -> Any:
    return parse(KINDS, "Pulumi.lake.yaml", {"lake": {"kind": "data-lake", **settings}})["lake"]


def mistake(**settings: Any) -> str:
    with pytest.raises(SettingsError) as refused:
        parsed(**settings)
    return str(refused.value)


@pytest.mark.parametrize(
    ("prefix", "told"),
    [
        ("changes/!{timestmp:yyyy}/", "`timestmp` is no namespace of Firehose"),
        ("changes/!{timestamp:yyyy-MM-dd/", "is `!{namespace:value}`"),
        ("changes/!{timestamp:yyyy-MM-dd'T'HHjj}/", "`j` names nothing"),
        ("changes/!{timestamp:}/", "no pattern"),
        ("changes/!{firehose:random}/", "it has random-string and error-output-type"),
        ("changes/!{firehose:error-output-type}/", "in `errorPrefix` only"),
        ("changes/!{partitionKeyFromQuery:dept}/", "`partitionBy`, which names the attribute"),
        ("!{timestamp:yyyy}/", "must begin with a folder such as `changes/`"),
        ("changes" * 200 + "/", "at most 1024 characters"),
    ],
)
def test_a_prefix_that_firehose_refuses_is_told(prefix: str, told: str) -> None:
    message = mistake(layout={"prefix": prefix})
    assert "Pulumi.lake.yaml: `tributary:architectures.lake.layout.prefix` is" in message
    assert told in message


@pytest.mark.parametrize(
    ("prefix", "told"),
    [
        ("errors/", "it must hold !{firehose:error-output-type}"),
        ("!{firehose:error-output-type}/", "must begin with a folder such as `errors/`"),
    ],
)
def test_an_error_prefix_says_what_failed_in_a_folder_of_its_own(prefix: str, told: str) -> None:
    assert told in mistake(layout={"errorPrefix": prefix})


def test_what_could_not_be_delivered_is_in_no_folder_of_changes() -> None:
    errors = "changes/errors/!{firehose:error-output-type}/"
    told = mistake(layout={"errorPrefix": errors})
    assert "`prefix` and `errorPrefix` share the folder 'changes/': what could not be delivered would be read" in told
    assert parsed(layout={"prefix": "rows/", "errorPrefix": errors}).layout.error_prefix == errors


@pytest.mark.parametrize(
    ("prefix", "told"),
    [("changes/", True), ("changes/2/!{timestamp:yyyy}/", True), ("changes-parquet/", False), ("rows/", False)],
)
def test_one_folder_of_a_bucket_has_one_format(prefix: str, told: bool) -> None:
    parquet = {"prefix": prefix, "format": "parquet", "columns": {"name": "string"}}
    sides = {
        "people": {"kind": "data-lake", "bucket": {"name": "the-lake"}},
        "ships": {
            "kind": "data-lake/producer",
            "lake": ACCESS,
            "layout": parquet,
            "delivery": {"bufferMb": 64},
        },
    }
    account = ("666666666666", "us-east-1")
    if not told:
        check_place("Pulumi.lake.yaml", *account, parse(KINDS, "Pulumi.lake.yaml", sides))
        return
    with pytest.raises(SettingsError) as refused:
        check_place("Pulumi.lake.yaml", *account, parse(KINDS, "Pulumi.lake.yaml", sides))
    said = str(refused.value)
    assert said.startswith("Pulumi.lake.yaml: `tributary:architectures.ships.layout.format` is 'parquet', but `people`")
    assert "of Pulumi.lake.yaml says 'json' for the same folder of the bucket 'the-lake'" in said
    [advised] = re.findall(r"`layout\.prefix: ([^`]*)` here", said)
    sides["ships"]["layout"] = {**parquet, "prefix": advised}
    check_place("Pulumi.lake.yaml", *account, parse(KINDS, "Pulumi.lake.yaml", sides))


def test_the_folder_of_a_prefix_is_what_comes_before_its_first_expression() -> None:
    assert static_part("changes/delivered_on=!{timestamp:yyyy-MM-dd}/") == "changes/"
    assert static_part("a/b/c!{timestamp:yyyy}") == "a/b/"
    assert static_part("a!{timestamp:yyyy}/b/") == ""


@pytest.mark.parametrize("setting", ["drop", "hash"])
def test_a_key_is_neither_left_out_nor_hashed(setting: str) -> None:
    told = mistake(transform={setting: ["id"], "salt": "0123456789abcdef"})
    assert f"`transform.{setting}` names `id`, which is a key of the table" in told


def test_hashes_need_a_long_salt_and_an_attribute_is_hidden_in_one_way() -> None:
    assert "`transform.hash` needs `transform.salt`" in mistake(transform={"hash": ["email"]})
    assert "at least 16 characters" in mistake(transform={"hash": ["email"], "salt": "short"})
    both = {"hash": ["email"], "drop": ["email"], "salt": "0123456789abcdef"}
    assert "`email` is in `transform.drop` and in `transform.hash`" in mistake(transform=both)


def test_a_salt_that_pulumi_has_encrypted_is_taken() -> None:
    salted = parsed(transform={"hash": ["email"], "salt": {"secure": "AAABAK=="}})
    assert isinstance(salted, LakeSettings)


@pytest.mark.parametrize("layout", [{"format": "parquet"}, {"partitionBy": "country"}])
def test_partitions_and_parquet_need_large_buffers(layout: dict[str, Any]) -> None:
    assert "`delivery.bufferMb` is 1; with `layout." in mistake(layout=layout)
    assert parsed(layout=layout, delivery={"bufferMb": 64}).delivery.buffer_mb == 64


def test_parquet_is_not_compressed_again() -> None:
    told = mistake(layout={"format": "parquet", "compression": "GZIP"}, delivery={"bufferMb": 64})
    assert "`compression` must be left out" in told


def test_a_long_table_name_asks_for_shorter_names() -> None:
    told = mistake(table={"tableName": "t" * 60})
    assert f"it makes the delivery stream '{'t' * 60}-delivery-stream'" in told
    names = {"delivery": {"name": "d", "roleName": "r"}, "transform": {"name": "f"}}
    assert parsed(table={"tableName": "t" * 60}, **names).transform_role_name == "f-role"


def test_a_prefix_comes_before_every_name_that_is_made() -> None:
    prefixed = parsed(namePrefix="eu-")
    assert prefixed.stream_name == "eu-blog-srsa-ddb-table-data-stream"
    there = parsed(namePrefix="eu-", table={"tableArn": "arn:aws:dynamodb:us-east-1:666666666666:table/people"})
    assert (there.table.name, there.delivery_role_name) == ("people", "eu-people-delivery-role")


def test_the_changes_own_columns_are_not_declared_again() -> None:
    assert "`item_change_event`" in mistake(layout={"columns": {"change_event": "string"}})


def test_an_alias_of_awss_own_keys_is_refused() -> None:
    assert "aliases of AWS's own keys" in mistake(keyAlias="alias/aws/s3")
    assert parsed(keyAlias="alias/the-lake").key_alias == "alias/the-lake"


def test_the_other_accounts_key_is_that_of_the_bucket() -> None:
    said = {"kind": "data-lake/producer", "lake": {**ACCESS, "accountId": "999999999999"}}
    with pytest.raises(SettingsError, match="`keyArn` is a key of account 888888888888, but `accountId` is 9999"):
        parse(KINDS, "Pulumi.x.yaml", {"lake": said})
    [given] = parse(KINDS, "Pulumi.x.yaml", {"lake": {**said, "lake": ACCESS}}).values()
    assert isinstance(given, ProducerSettings)
    assert list(given.peers()) == []
