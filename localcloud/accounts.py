"""The IAM of accounts on a local cloud: who deploys there, and with which permissions.

Nothing is deployed as root. In every account there is a role `TributaryDeployer` with the permissions of
docs/deployer; a user `operator`, in an account of its own, may assume those roles and do nothing else.
The stack files name the role in `aws:assumeRoles`, as they would on AWS. Root's 12-digit access key is used here
only, to make these.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud import clients
from localcloud.engine.layout import checkout
from localcloud.errors import NotRunningError, ProjectError
from localcloud.server import LocalCloud

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

OPERATOR_ACCOUNT = "000000000000"
OPERATOR_USER = "operator"
DEPLOYER_ROLE = "TributaryDeployer"
DEPLOYER_POLICIES = Path("docs") / "deployer"
CREDENTIALS_FILE = "operator.json"


@dataclass(frozen=True)
class Credentials:
    """An access key."""

    access_key_id: str
    secret_access_key: str


def deployer_role_arn(account_id: str) -> str:
    """The role that a stack of the account deploys as."""
    return f"arn:aws:iam::{account_id}:role/{DEPLOYER_ROLE}"


def deployer_policies(project: Path | None = None) -> dict[str, dict[str, Any]]:
    """The deployer's managed policies by name, as documented for real accounts. Raises ProjectError when they are
    missing."""
    folder = (project or checkout().project) / DEPLOYER_POLICIES
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ProjectError(
            f"{folder} is empty: it holds the deployer's permissions. Write them with "
            "`python -m operations.deployer_policies`"
        )
    try:
        return {path.stem: json.loads(path.read_text()) for path in paths}
    except ValueError as error:
        raise ProjectError(
            f"a policy in {folder} is not JSON: {error}. Write it anew with `python -m operations.deployer_policies`"
        ) from None


def prepare(
    cloud: LocalCloud,
    account_ids: Iterable[str],
    policies: Mapping[str, dict[str, Any]] | None = None,
    *,
    keep: Path | None = None,
) -> Credentials:
    """Makes the accounts ready for a deployment, and returns the operator's credentials. Doing it again changes
    nothing.

    `policies`, by name, replace the documented permissions of the deployer; the operator's key is kept in the folder
    `keep`, in that of the cloud when it is left out. Raises NotRunningError when the cloud has stopped.
    """
    from botocore.exceptions import EndpointConnectionError

    permissions = deployer_policies() if policies is None else policies
    try:
        for account_id in sorted(set(account_ids)):
            _make_deployer(root_client(cloud, account_id), permissions)
        return _make_operator(keep or cloud.folder, root_client(cloud, OPERATOR_ACCOUNT))
    except EndpointConnectionError as error:
        advice = "start it again" if cloud.attached else "`tributary local start` starts one"
        raise NotRunningError(f"{cloud} has stopped; {advice}, then type the same command again") from error


def prepared(cloud: LocalCloud) -> bool:
    """Whether the cloud has been prepared since it was started or reset."""
    iam = root_client(cloud, OPERATOR_ACCOUNT)
    try:
        iam.get_user(UserName=OPERATOR_USER)
    except iam.exceptions.NoSuchEntityException:
        return False
    return True


def root_client(cloud: LocalCloud, account_id: str) -> "IAMClient":
    """IAM as the account's root."""
    client: IAMClient = clients.root(cloud.endpoint, account_id, "iam")
    return client


def _make_deployer(iam: "IAMClient", policies: Mapping[str, dict[str, Any]]) -> None:
    trust = json.dumps(
        _document({"Principal": {"AWS": f"arn:aws:iam::{OPERATOR_ACCOUNT}:root"}, "Action": "sts:AssumeRole"})
    )
    try:
        iam.create_role(RoleName=DEPLOYER_ROLE, AssumeRolePolicyDocument=trust)
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=DEPLOYER_ROLE, PolicyDocument=trust)
    attached = iam.list_attached_role_policies(RoleName=DEPLOYER_ROLE)["AttachedPolicies"]
    # Somebody may be deploying at this moment: what is right already stays in place.
    if {one["PolicyName"]: _policy_document(iam, one["PolicyArn"]) for one in attached} == policies:
        return
    for stale in attached:
        iam.detach_role_policy(RoleName=DEPLOYER_ROLE, PolicyArn=stale["PolicyArn"])
        iam.delete_policy(PolicyArn=stale["PolicyArn"])
    for name, document in policies.items():
        made = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))["Policy"]
        iam.attach_role_policy(RoleName=DEPLOYER_ROLE, PolicyArn=made["Arn"])


def _policy_document(iam: "IAMClient", arn: str) -> dict[str, Any]:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return dict(json.loads(document) if isinstance(document, str) else document)


def _make_operator(keep: Path | None, iam: "IAMClient") -> Credentials:
    try:
        iam.create_user(UserName=OPERATOR_USER)
    except iam.exceptions.EntityAlreadyExistsException:
        known = _read_credentials(keep)
        found = iam.list_access_keys(UserName=OPERATOR_USER)["AccessKeyMetadata"]
        if known and known.access_key_id in [key["AccessKeyId"] for key in found]:
            return known
        # Secrets are shown once, and a user has two keys at most; one may be in use by another checkout right now.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        for stale in sorted(found, key=lambda key: key["CreateDate"])[: len(found) - 1]:
            iam.delete_access_key(UserName=OPERATOR_USER, AccessKeyId=stale["AccessKeyId"])
    assume = _document({"Action": "sts:AssumeRole", "Resource": deployer_role_arn("*")})
    iam.put_user_policy(UserName=OPERATOR_USER, PolicyName="assume-deployers", PolicyDocument=json.dumps(assume))
    key = iam.create_access_key(UserName=OPERATOR_USER)["AccessKey"]
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    _write_credentials(keep, credentials)
    return credentials


def _document(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}


def _read_credentials(keep: Path | None) -> Credentials | None:
    if keep is None or not (keep / CREDENTIALS_FILE).exists():
        return None
    return Credentials(**json.loads((keep / CREDENTIALS_FILE).read_text()))


def _write_credentials(keep: Path | None, credentials: Credentials) -> None:
    if keep is None:
        return
    path = keep / CREDENTIALS_FILE
    path.touch(mode=0o600)
    path.write_text(
        json.dumps({"access_key_id": credentials.access_key_id, "secret_access_key": credentials.secret_access_key})
    )
