"""Customer keys are asked wherever data is encrypted with them: by a module for each service, and KMS itself.

A service's module knows the service's encryption context and how it names KMS's refusals.
https://docs.aws.amazon.com/kms/latest/developerguide/service-integration.html
"""

from localcloud.emulator.key_use import (
    delivery_streams,
    functions,
    kms,
    logs,
    objects,
    queues,
    replicas,
    streams,
    tables,
    topics,
)


def install() -> None:
    """Ask the keys in every service."""
    for module in (streams, objects, replicas, tables, queues, topics, delivery_streams, functions, logs, kms):
        module.install()
