"""What goes wrong while records are processed and delivered.

DeliveryError(Exception)     a call that Firehose makes was refused or failed; `code` as in its CloudWatch error log
  TransformError             … an invocation of the transformation function, for its whole batch
RecordError(Exception)       one record cannot be processed; it goes to the error output
"""


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


class TransformError(DeliveryError):
    """The transformation function could not be invoked, failed, or answered nothing that can be used."""


class RecordError(Exception):
    """A record cannot be processed: the error output's type, error code and message."""

    def __init__(self, code: str, message: str, output_type: str = "processing-failed") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.output_type = output_type
