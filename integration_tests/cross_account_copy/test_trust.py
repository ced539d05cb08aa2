"""Who may write into the target: one role, of one account, with one external id. Whoever else tries is refused."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import yaml
from botocore.exceptions import ClientError

from integration_tests.cross_account_copy.copy import CHANGES, EQUAL, Copy, Eventually, clicks, deployed_copy
from integration_tests.support.addressing import Clients, Cloud, credentials_of, statement
from integration_tests.support.factories import Factories, objects

pytestmark = pytest.mark.local

SHORT = {"name": "ProdKinesisToPocDynamo", "batchSize": 300, "timeoutSeconds": 20}


@pytest.fixture(scope="module")
def copy(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A copy whose target asks for an external id that the source has right."""
    changes = {
        "poc": {**CHANGES["poc"], "externalId": "raven-1"},
        # What waits for the far end learns of a changed setting when its invocation is over.
        "prod": {**CHANGES["prod"], "externalId": "raven-1", "copier": SHORT},
    }
    with ExitStack() as cleanup:
        yield deployed_copy(cloud, tmp_path_factory.mktemp("trust"), cleanup, changes)


def refusal(caller: Clients, copy: Copy, **options: str) -> str:
    """The error code that a caller gets who tries to become the writer."""
    with pytest.raises(ClientError) as refused:
        caller.sts.assume_role(RoleArn=copy.target["writerRoleArn"], RoleSessionName="test", **options)
    return str(refused.value.response["Error"]["Code"])


def writer_of(cloud: Cloud, make: Factories, account_id: str, name: str) -> Clients:
    """A role that may assume any role, of this account and name."""
    role_arn = make.role(account_id, [statement("sts:AssumeRole")], trusts={"AWS": account_id}, name=name)
    root = cloud.clients(cloud.session(account_id), account_id)
    answer = root.sts.assume_role(RoleArn=role_arn, RoleSessionName="test")
    return cloud.clients(credentials_of(root.session, cloud.region, answer["Credentials"]), account_id)


def test_a_third_account_is_refused_even_with_the_right_role_name_and_external_id(
    copy: Copy, cloud: Cloud, account: Callable[[], str], make: Factories
) -> None:
    stranger = writer_of(cloud, make, account(), "LambdaKinesisDynamo")
    assert refusal(stranger, copy, ExternalId="raven-1") == "AccessDenied"


def test_another_role_of_the_source_account_is_refused(copy: Copy, cloud: Cloud, make: Factories) -> None:
    other = writer_of(cloud, make, copy.accounts["111111111111"], "SomebodyElse")
    assert refusal(other, copy, ExternalId="raven-1") == "AccessDenied"


def test_the_writer_role_can_write_and_nothing_else(copy: Copy, cloud: Cloud, eventually: Eventually) -> None:
    role = copy.target["writerRoleArn"].split("/")[-1]
    [policy] = copy.poc.iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = copy.poc.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    allowed = {action for one in document["Statement"] for action in one["Action"]}
    assert allowed == {"dynamodb:BatchWriteItem", "kms:Decrypt", "kms:DescribeKey"}


def test_without_the_permission_to_assume_nothing_arrives_and_with_it_everything_does(
    copy: Copy, eventually: Eventually
) -> None:
    copy.put(clicks(50, seed=1))
    eventually(copy.table_difference, equals=EQUAL, timeout=60)

    iam, role = copy.prod.iam, "LambdaKinesisDynamo"
    [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    without = [one for one in document["Statement"] if "sts:AssumeRole" not in one["Action"]]
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps({**document, "Statement": without}))
    forget_credentials(copy)
    copy.put(clicks(50, seed=2))
    refused = eventually(lambda: copier_log(copy, "AccessDenied"), timeout=30)
    assert refused
    assert len(copy.table_difference().missing) == 50

    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
    eventually(copy.table_difference, equals=EQUAL, timeout=90)
    assert copy.failed_source_records() == []


def test_a_wrong_external_id_is_refused_until_the_stack_file_is_right_again(copy: Copy, eventually: Eventually) -> None:
    set_external_id(copy, "raven-2")
    copy.put(clicks(50, seed=3))
    eventually(lambda: copier_log(copy, "AccessDenied"), timeout=30)
    assert copy.table_difference().missing

    set_external_id(copy, "raven-1")
    eventually(copy.table_difference, equals=EQUAL, timeout=90)
    assert copy.failed_source_records() == []


def test_while_the_tables_key_is_disabled_everything_waits_beside_poison_that_steps_aside(
    copy: Copy, eventually: Eventually
) -> None:
    kms, [table] = copy.poc.kms, copy.target["tables"].values()
    key = copy.poc.dynamodb.describe_table(TableName=table)["Table"]["SSEDescription"]["KMSMasterKeyArn"]
    copy.put(clicks(20, seed=4))
    eventually(copy.table_difference, equals=EQUAL, timeout=60)
    kms.disable_key(KeyId=key)
    copy.put_poison(b"in front")
    copy.put(clicks(30, seed=5))
    copy.put_poison(b"in the middle")
    copy.put(clicks(30, seed=6))
    eventually(lambda: copier_log(copy, "waitsAt"), timeout=60)
    assert set(copy.failed_source_records()) <= {b"in front"}

    kms.enable_key(KeyId=key)
    eventually(copy.table_difference, equals=EQUAL, timeout=90)
    eventually(lambda: sorted(copy.failed_source_records()), equals=[b"in front", b"in the middle"], timeout=30)
    assert objects(copy.prod.s3, copy.source["failureBucketName"], "aws/lambda/") == {}


def set_external_id(copy: Copy, external_id: str) -> None:
    """What a user does: edit the stack file, deploy."""
    file = copy.engine.folder / "Pulumi.prod.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"]["tributary:architectures"]["web-analytics"]["externalId"] = external_id
    file.write_text(yaml.safe_dump(content))
    copy.engine.up("prod")


def forget_credentials(copy: Copy) -> None:
    """Make Lambda start anew, so that no assumed session outlives the change of permissions."""
    name, lambda_ = copy.source["copierName"], copy.prod.lambda_
    variables = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    restarted = {**variables, "RESTARTED_BY": "a test"}
    lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": restarted})


def copier_log(copy: Copy, text: str) -> list[str]:
    """The lines of the copier's log that hold a text."""
    group = f"/aws/lambda/{copy.source['copierName']}"
    events = copy.prod.logs.filter_log_events(logGroupName=group, filterPattern=f'"{text}"')["events"]
    return [event["message"] for event in events]
