"""Who a delivery stream is, and the role that it acts as."""

from dataclasses import dataclass

from localcloud.emulator.access.authorization import AccessDenied, Session, assume
from localcloud.emulator.firehose.errors import DeliveryError

SERVICE = "firehose.amazonaws.com"


@dataclass(frozen=True)
class Identity:
    """A delivery stream: its name, ARN, account and Region."""

    name: str
    arn: str
    account_id: str
    region: str

    def session(self, role_arn: str, code: str = "S3.AccessDenied") -> Session:
        """Assume a role of the stream's configuration. Raises DeliveryError(code) when its trust policy forbids it.

        https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html (Allow Firehose to assume an IAM role)
        """
        try:
            return assume(role_arn, SERVICE, self.name, source_arn=self.arn)
        except AccessDenied as denied:
            raise DeliveryError(
                code,
                "Access was denied. Ensure that the trust policy for the provided IAM role allows Firehose to assume "
                f"the role, and the access policy allows access. {denied}",
            ) from denied
