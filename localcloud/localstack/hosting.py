"""Starts LocalStack here in what it calls host mode, with what stands in for the downloads that it would make."""

from pathlib import Path

from localcloud import ports
from localcloud.engine.layout import checkout
from localcloud.localstack.packages import KINESIS, KINESIS_VERSION, VERSION, Installation
from localcloud.programs import Program

# What LocalStack finds through its entry points: https://github.com/localstack/plux
ENTRY_POINTS = """\
[localstack.lambda.runtime_executor]
sandbox = localcloud.localstack.runtime.plugins:SandboxExecutorPlugin

[localstack.hooks.on_infra_start]
host_mode = localcloud.localstack.runtime.plugins:host_mode
"""
METADATA = "Metadata-Version: 2.4\nName: tributary-localstack-plugins\nVersion: 1\n"
# Below FILESYSTEM_ROOT: https://docs.localstack.cloud/aws/capabilities/config/filesystem/
LIBRARIES = Path("root/var/lib/localstack/lib")
# Loaded before it answers: a first call that waits for a service to be loaded may come to the end of its patience.
SERVICES = (
    "cloudwatch", "dynamodb", "dynamodbstreams", "ec2", "events", "firehose", "iam", "kinesis", "kms", "lambda", "logs",
    "s3", "secretsmanager", "sns", "sqs", "sts",
)  # fmt: skip
OWN = "Lambda's API and its mappings, Kinesis, Firehose, S3, SQS, SNS, KMS, STS and IAM's API"
STAND_INS = "tables by moto, functions as processes of this machine"
WHAT_IT_IS = f"LocalStack {VERSION}, its open runtime without Docker. Its own: {OWN}. Stand-ins: {STAND_INS}."


def program(installation: Installation) -> Program:
    """LocalStack as something that `localcloud.server` starts."""

    def environment(port: int, folder: Path) -> dict[str, str]:
        _lay_out(installation, folder)
        return variables(port, folder)

    return Program(
        f"LocalStack {VERSION}",
        "localstack.runtime.main",
        environment,
        installation.python,
        start_timeout_s=600.0,  # the first start compiles its modules, on whatever a busy machine leaves it
        stop_timeout_s=30.0,  # it ends the processes that it started
    )


def variables(port: int, folder: Path) -> dict[str, str]:
    """Its settings: https://docs.localstack.cloud/aws/capabilities/config/configuration/"""
    address = f"{ports.LOOPBACK}:{port}"
    return {
        "PYTHONPATH": f"{folder / 'plugins'}:{checkout().project}",
        "FILESYSTEM_ROOT": str(folder / "root"),
        "GATEWAY_LISTEN": address,
        "LOCALSTACK_HOST": address,
        "OVERRIDE_IN_DOCKER": "0",
        # Neither a name server nor what would be asked of the network.
        "DNS_ADDRESS": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "SERVICES": ",".join(SERVICES),
        "EAGER_SERVICE_LOADING": "1",
        "STRICT_SERVICE_LOADING": "0",
        "LAMBDA_RUNTIME_EXECUTOR": "sandbox",
        "KINESIS_MOCK_VERSION": KINESIS_VERSION,
        # Changes of a table are lost until its stream is made, which would take half a second.
        "KINESIS_LATENCY": "0",
        # A mapping that found nothing would sleep for up to ten seconds, one whose function failed for a minute.
        "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.2",
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "1",
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_ERROR_SEC": "2",
    }


def _lay_out(installation: Installation, folder: Path) -> None:
    """The plugins where Python finds distributions, and kinesis-local where LocalStack does."""
    plugins = folder / "plugins" / "tributary_localstack_plugins-1.dist-info"
    plugins.mkdir(parents=True)
    (plugins / "METADATA").write_text(METADATA)
    (plugins / "entry_points.txt").write_text(ENTRY_POINTS)
    libraries = folder / LIBRARIES / KINESIS
    libraries.mkdir(parents=True)
    (libraries / KINESIS_VERSION).symlink_to(installation.kinesis)
