"""What aws-lambda-fanout's way costs on Node, beside ours: processor time for each record.

The original itself is not measured: it is no package of npm, only a repository, of which nothing is copied here.
`documented_way.js` makes the calls that its documentation describes, with the SDK that its package.json names, which
npm puts into the user's cache folder. What the original does beside its calls (rows, transformations, metrics) is left
out, in its favour.
https://github.com/aws-samples/aws-lambda-fanout, https://www.npmjs.com/package/aws-sdk/v/2.2.19
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from localcloud.engine.layout import cache_folder

SDK = "aws-sdk@2.2.19"
PROGRAM = Path(__file__).with_name("documented_way.js")
KINDS = ("kinesis", "sqs")

Events = Sequence[Sequence[Mapping[str, Any]]]


def microseconds(kind: str, events: Events) -> float | None:
    """Processor time for each record of the events to a target; None where Node, npm or the SDK is missing."""
    folder = _sdk()
    if folder is None:
        return None
    given = json.dumps({"kind": kind, "events": events})
    environment = {**os.environ, "NODE_PATH": str(folder / "node_modules"), "NODE_NO_WARNINGS": "1"}
    done = subprocess.run(
        ["node", PROGRAM], input=given, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def _sdk() -> Path | None:
    """The folder with the SDK, which is downloaded once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None
    folder = cache_folder() / f"benchmark-{SDK.replace('@', '-')}"
    if not (folder / "node_modules" / "aws-sdk").is_dir():
        words = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", folder, SDK]
        if subprocess.run(words, stdout=subprocess.DEVNULL).returncode:
            return None
    return folder
