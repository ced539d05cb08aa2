"""What queries of Athena run in: a workgroup that bounds what a query scans, and a database of their tables."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

# The functions of the comparison are those of engine version 3.
# https://docs.aws.amazon.com/athena/latest/ug/engine-versions-reference-0003.html
ENGINE_VERSION = "Athena engine version 3"
# Results, beside whatever else is in the bucket.
RESULTS = "athena/"
GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class QueryingArgs:
    """`scan_limit_gb` is what one query may read, in GiB; results go into the bucket, encrypted with the key."""

    bucket_name: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    scan_limit_gb: int


class Querying(pulumi.ComponentResource):
    """A workgroup of Athena whose settings nobody overrides, and a database of their tables."""

    def __init__(self, name: str, args: QueryingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:Querying", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        scan_limit_bytes = args.scan_limit_gb * GIB

        workgroup = aws.athena.Workgroup(
            f"{name}-workgroup",
            name=f"tributary-{name}",
            configuration={
                "enforce_workgroup_configuration": True,
                "bytes_scanned_cutoff_per_query": scan_limit_bytes,
                "engine_version": {"selected_engine_version": ENGINE_VERSION},
                "result_configuration": {
                    "output_location": pulumi.Output.concat("s3://", args.bucket_name, "/", RESULTS),
                    "encryption_configuration": {"encryption_option": "SSE_KMS", "kms_key_arn": args.key_arn},
                },
            },
            # What a workgroup holds is the history of its queries, which would keep it from being deleted.
            force_destroy=True,
            opts=child,
        )
        database = aws.glue.CatalogDatabase(f"{name}-database", name=database_name(name), opts=child)

        self.database: pulumi.Output[str] = database.name
        self.outputs: dict[str, pulumi.Input[object]] = {
            "queryWorkgroup": workgroup.name,
            "queryDatabase": database.name,
            "scanLimitBytes": scan_limit_bytes,
        }
        self.register_outputs(self.outputs)


def database_name(name: str) -> str:
    """A name as Athena takes it: lower-case letters, digits and underscores.

    https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
    """
    return f"tributary_{name}".replace("-", "_")
