"""`python -m localcloud.plugin <engine address>`: the process that the Pulumi engine starts."""

import contextlib
import importlib.metadata

from localcloud.engine.processes import end_with_parent
from localcloud.plugin.server import serve

if __name__ == "__main__":
    end_with_parent()
    with contextlib.suppress(KeyboardInterrupt):
        serve(importlib.metadata.version("pulumi_aws"))
