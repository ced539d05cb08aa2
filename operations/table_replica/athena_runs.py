"""Where a comparison by Athena stands, kept in the export bucket so that any machine can go on."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "verify/athena.json"
# Older exports say little about the tables as they are: such a run is begun anew.
LONGEST_S = 8 * 3600.0


@dataclass
class Run:
    """`exports`: the side, source or replica, to the ARN of its export; `query` is an execution of Athena.

    `failures` counts what had to be asked for again; each attempt has tokens of its own. Times since 1970, in seconds.
    """

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    began_at_s: float = field(default_factory=time.time)
    exports: dict[str, str] = field(default_factory=dict)
    query: str | None = None
    failures: int = 0

    def token(self, what: str) -> str:
        """What makes a request idempotent: the same text until the next failure. Athena wants 32 to 128 characters.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
        """
        return f"{self.id}-{what}-{self.failures}"

    def table(self, side: str) -> str:
        """The name of the table over a side's export."""
        return f"{side}_{self.id}"


def load(s3: "S3Client", bucket: str) -> Run | None:
    """The run that did not come to its end, if there is one of the last eight hours."""
    try:
        stored: Mapping[str, object] = json.loads(s3.get_object(Bucket=bucket, Key=KEY)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None
    run = Run(**stored)  # type: ignore[arg-type]
    return run if time.time() - run.began_at_s < LONGEST_S else None


def save(s3: "S3Client", bucket: str, run: Run) -> None:
    """Keep the run."""
    s3.put_object(Bucket=bucket, Key=KEY, Body=json.dumps(asdict(run)).encode())


def remove(s3: "S3Client", bucket: str) -> None:
    """Forget it: the comparison is done."""
    s3.delete_object(Bucket=bucket, Key=KEY)
