"""What goes wrong while records are processed and delivered.

DeliveryError(Exception)     a call that Firehose makes was refused or failed; `code` as in its CloudWatch error log
  TransformError             … an invocation of the transformation function, for its whole batch
RecordError(Exception)       one record cannot be processed; it goes to the error output
"""

from localcloud.emulator.storage import StorageError

# https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html (Amazon S3 data delivery errors)
_MESSAGES = {
    "S3.NoSuchBucket": "The specified bucket does not exist. Create the bucket or use a different bucket that does "
    "exist.",
    "S3.AccessDenied": "Access was denied. Ensure that the trust policy for the provided IAM role allows Firehose to "
    "assume the role, and the access policy allows access to the S3 bucket.",
    "S3.KMS.NotFoundException": "The provided AWS KMS key was not found. If you are using what you believe to be a "
    "valid AWS KMS key with the correct role, check if there is a problem with the account to which the AWS KMS key is "
    "attached.",
}


class DeliveryError(Exception):
    """A call made on behalf of a delivery stream failed.

    `code` is an error code of https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html;
    `reason` is what the service said that was called, without Firehose's own words.
    """

    def __init__(self, code: str, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or message

    @classmethod
    def of_storage(cls, error: StorageError) -> "DeliveryError":
        """What Firehose's error log says about an object that S3 did not take."""
        code = f"S3.{error.code}"
        known = _MESSAGES.get(code)
        return cls(code, f"{known} {error.reason}".strip() if known else error.reason, error.reason)


class TransformError(DeliveryError):
    """The transformation function could not be invoked, failed, or answered nothing that can be used."""


class RecordError(Exception):
    """A record cannot be processed: the error output's type, error code and message."""

    def __init__(self, code: str, message: str, output_type: str = "processing-failed") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.output_type = output_type
