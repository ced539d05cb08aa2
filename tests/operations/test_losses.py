"""A deployment that would lose data is refused with what would be lost and what to type next."""

from typing import Any

import pytest

from components.kinds import KINDS
from components.stack_files import parse
from operations.engine import Preview
from operations.errors import StackError
from operations.losses import losses, refuse_destroying, refuse_taking_out, told
from operations.stacks import Stack

pytestmark = pytest.mark.pure

TABLE = "aws:dynamodb/table:Table"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:workshop::tributary::tributary:index:TableReplica${type_}::{name}"


def preview(refused: dict[str, Any], *more: Any) -> Preview:
    """A preview in which Pulumi refuses what is protected: URN → the step's reasons and old state."""
    steps = [
        {"urn": one, "op": "replace", "replaceReasons": reasons, "oldState": {"urn": one, "outputs": outputs}}
        for one, (reasons, outputs) in refused.items()
    ]
    message = "unable to replace resource\nas it is currently marked for protection."
    errors = [{"urn": one, "severity": "error", "message": message} for one in refused]
    return Preview([*steps, {"urn": urn(TABLE, "other"), "op": "same"}], [*errors, *errors, *more])


def test_a_replaced_table_is_named_with_the_reason_and_the_page_that_says_how_to_go_on() -> None:
    table = urn(TABLE, "logfile-source-table")
    mapping = urn(MAPPING, "logfile-replicator-stream-mapping")
    found = losses(preview({table: (["name"], {"name": "logfile"}), mapping: (["eventSourceArn"], {"arn": "arn:m"})}))
    text = told("workshop", found)
    assert "stack `workshop` would lose data, and nothing was changed:" in text
    assert "the table `logfile` would be replaced, because of its name: its items, and what its stream holds" in text
    assert text.endswith("docs/operations-changes.md says how to change it without loss: the new one is made beside "
                         "the old one.")  # fmt: skip


def test_a_mapping_alone_is_replaced_when_its_stream_is_read_to_the_end() -> None:
    mapping = urn(MAPPING, "logfile-replicator-stream-mapping")
    text = told("workshop", losses(preview({mapping: (["eventSourceArn"], {"arn": "arn:m"})})))
    assert "the mapping `arn:m` would be replaced, because of its eventSourceArn" in text
    steps = ["`tributary verify workshop`", f"`pulumi state unprotect '{mapping}' --stack workshop --yes`",
             "`tributary up workshop`"]  # fmt: skip
    assert [text.index(step) for step in steps] == sorted(text.index(step) for step in steps)


def test_what_a_lakes_way_has_not_read_is_waited_for_as_well() -> None:
    delivery = urn("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", "lake-delivery-stream")
    streaming = urn("aws:dynamodb/kinesisStreamingDestination:KinesisStreamingDestination", "lake-destination")
    prefix = (["extendedS3Configuration"], {"name": "people-delivery-stream"})
    text = told("lake", losses(preview({delivery: prefix, streaming: (["streamArn"], {})})))
    reason = "because of its extendedS3Configuration: what it has not read yet of its stream would be lost"
    assert f"the delivery stream `people-delivery-stream` would be replaced, {reason}" in text
    assert "the streaming destination `lake-destination` would be replaced, because of its streamArn" in text
    unprotect = [f"`pulumi state unprotect '{one}' --stack lake --yes`" for one in (delivery, streaming)]
    steps = ["`tributary verify lake`", *unprotect, "`tributary up lake`"]
    assert [text.index(step) for step in steps] == sorted(text.index(step) for step in steps)


def test_what_holds_no_data_and_other_errors_are_no_losses() -> None:
    alias = urn("aws:kms/alias:Alias", "logfile-alias")
    assert losses(preview({alias: (["name"], {})}, {"message": "error: preview failed", "severity": "error"})) == []


def test_a_stack_with_protected_data_is_not_destroyed() -> None:
    held = [
        {"urn": urn(TABLE, "t"), "type": TABLE, "protect": True, "outputs": {"name": "logfile"}},
        {"urn": urn(TABLE, "u"), "type": TABLE, "outputs": {"name": "unprotected"}},
    ]
    with pytest.raises(StackError, match=r"protected data: table `logfile`\. Nothing was destroyed\. .* set "
                       r"`deletionProtection: false` in Pulumi\.poc\.yaml, then type `tributary up poc` and "
                       r"`tributary destroy poc`"):  # fmt: skip
        refuse_destroying("poc", held)
    refuse_destroying("poc", held[1:])


def test_an_instance_that_another_stack_reads_is_not_taken_out() -> None:
    source = {"kind": "cross-account-copy/source", "target": {"stack": "poc"}}
    target = {"kind": "cross-account-copy/target", "writer": {"accountId": "111111111111"}}
    reader = Stack("prod", "1" * 12, "eu-west-1", parse(KINDS, "Pulumi.prod.yaml", {"web": source}), {})
    left = Stack("poc", "9" * 12, "eu-west-1", parse(KINDS, "Pulumi.poc.yaml", {"other": target}), {})
    with pytest.raises(StackError, match=r"stack `poc` exports `web`, which its file no longer has and `prod` reads\. "
                       r"Take it out of Pulumi\.prod\.yaml first and type `tributary up prod`"):  # fmt: skip
        refuse_taking_out(left, ["web", "other"], [reader])
    refuse_taking_out(left, ["other"], [reader])
