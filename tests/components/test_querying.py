"""What a replica with `bulk` declares for comparisons by Athena."""

import pytest

from tests.components.deployed import declare, every, only

pytestmark = pytest.mark.mocks

ACCOUNT = "444444444444"


def test_a_workgroup_bounds_what_a_query_scans_and_encrypts_its_results_in_the_export_bucket() -> None:
    replica = {"kind": "table-replica", "bulk": {"scanLimitGb": 5}}
    declared, outputs = declare({"log-file": replica}, ACCOUNT)
    bulk = outputs["log-file"]["bulk"]
    assert only(declared, "Workgroup").inputs == {
        "name": "tributary-log-file-bulk",
        "configuration": {
            "enforceWorkgroupConfiguration": True,
            "bytesScannedCutoffPerQuery": 5 * 1024**3,
            "engineVersion": {"selectedEngineVersion": "Athena engine version 3"},
            "resultConfiguration": {
                "outputLocation": f"s3://{bulk['exportBucketName']}/athena/",
                "encryptionConfiguration": {"encryptionOption": "SSE_KMS", "kmsKeyArn": bulk["exportKeyArn"]},
            },
        },
        "forceDestroy": True,
    }
    # Athena takes hyphens in quotes only.
    assert only(declared, "CatalogDatabase").inputs == {"name": "tributary_log_file_bulk"}
    assert (bulk["queryWorkgroup"], bulk["queryDatabase"], bulk["scanLimitBytes"]) == (
        "tributary-log-file-bulk",
        "tributary_log_file_bulk",
        5 * 1024**3,
    )


def test_a_replica_without_bulk_declares_none_of_it() -> None:
    declared, outputs = declare({"logfile": {"kind": "table-replica"}}, ACCOUNT)
    assert not every(declared, "Workgroup")
    assert not every(declared, "CatalogDatabase")
    assert "bulk" not in outputs["logfile"]
