"""S3's request metrics: configurations of a bucket, and counts in the CloudWatch of the bucket's owner.

`requests` is put in place on its own, around everything that answers requests to S3.
"""

from localcloud.emulator.bucket_metrics import configurations


def install() -> None:
    configurations.install()
