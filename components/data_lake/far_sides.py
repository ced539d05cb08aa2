"""What each side of a data lake may say of the other, where that is another account."""

from typing import Annotated, Self

from pydantic import StringConstraints, model_validator

from components.settings import AccountId, KeyArn, Settings, TheirRoleName

# The published table of a lake in another account: its roles are named after it unless the stack files say otherwise.
CROSS_ACCOUNT_TABLE = "blog-srca-ddb-table"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
TheirBucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class Producer(Settings):
    """The account whose table is streamed, and its delivery stream's role, which need not exist yet.

    `export_role_name` is the role of its `bulk` that may bring rows of exports to be compared; nobody's when left out.
    """

    account_id: AccountId
    role_name: TheirRoleName = f"{CROSS_ACCOUNT_TABLE}-delivery-role"
    export_role_name: TheirRoleName | None = None

    def role_arn(self, partition: str) -> str:
        """The delivery stream's role as an ARN, in the partition that both sides are in."""
        return f"arn:{partition}:iam::{self.account_id}:role/{self.role_name}"

    def export_role_arn(self, partition: str) -> str | None:
        """The same of the role that brings the rows of exports, if one may."""
        name = self.export_role_name
        return None if name is None else f"arn:{partition}:iam::{self.account_id}:role/{name}"


class LakeAccess(Settings):
    """The other account's bucket as literal values, for a consumer whose stack belongs to somebody else."""

    account_id: AccountId
    bucket_name: TheirBucketName
    key_arn: KeyArn

    @model_validator(mode="after")
    def _key_is_the_accounts(self) -> Self:
        if self.key_arn.split(":")[4] != self.account_id:
            raise ValueError(
                f"`keyArn` is a key of account {self.key_arn.split(':')[4]}, but `accountId` is {self.account_id}: it "
                "must be the customer key of the bucket's account"
            )
        return self
