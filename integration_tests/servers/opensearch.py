"""An OpenSearch node in a Java process: no security, so that signatures are not looked at; everything else is real."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration_tests.clients.packages import COMMAND, Download
from integration_tests.servers.processes import running
from localcloud.engine.command import run
from localcloud.engine.layout import cache_folder
from localcloud.engine.progress import Step
from localcloud.ports import LOOPBACK, free_port

SOURCES = Path(__file__).parent / "opensearch_node"
NEEDED = ("java", "javac", "mvn")
ADVICE = "Check that Maven reaches Maven Central or its mirror (~/.m2/settings.xml), and run the same command again."
# Measured: 187 MB resident, 20,000 documents in a second.
MEMORY = ("-Xms128m", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True)
class OpenSearch(Download):
    """Its jars, 45 MB, and the compiled class that starts a node."""

    name: str = "opensearch"
    version: str = "2.19.4"
    what: str = "OpenSearch"

    @property
    def folder(self) -> Path:
        return cache_folder() / f"server-{self.name}-{self.version}"

    def get(self, work: Path, step: Step) -> None:
        if missing := [name for name in NEEDED if shutil.which(name) is None]:
            step.progress(f"left out: needs {', '.join(missing)} on PATH")
            return
        shutil.copy(SOURCES / "pom.xml", work)
        words = [
            "mvn",
            "-B",
            "-f",
            work / "pom.xml",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={work / 'jars'}",
        ]
        run(words, on_line=lambda line: step.progress(line.strip()[:100]), advice=ADVICE)
        source = SOURCES / "EmbeddedNode.java"
        run(["javac", "-cp", f"{work / 'jars'}/*", "-d", work, source], advice="Install a JDK, version 11 or later.")


OPENSEARCH = OpenSearch()


class Node:
    """A running node."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{port}"

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to a request. Raises OSError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def documents(self, index: str) -> dict[str, Any]:
        """Every document of an index by its id."""
        self.request("POST", f"/{index}/_refresh")
        found: dict[str, Any] = {}
        page = self.request("POST", f"/{index}/_search?scroll=1m", {"size": 5_000, "sort": ["_doc"]})
        while hits := page["hits"]["hits"]:
            found.update({hit["_id"]: hit["_source"] for hit in hits})
            page = self.request("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})
        return found


@contextmanager
def opensearch(folder: Path) -> Iterator[Node]:
    """A node whose data is below the folder."""
    if not OPENSEARCH.is_there:
        pytest.skip(f"OpenSearch is not in the cache; `{COMMAND}` downloads it, with {', '.join(NEEDED)} on PATH")
    if shutil.which("java") is None:
        pytest.skip("needs `java` on PATH: install a JDK, version 11 or later")
    (folder / "config").mkdir(parents=True, exist_ok=True)
    port = free_port()
    node = Node(port)
    classes = os.pathsep.join([str(OPENSEARCH.folder / "jars" / "*"), str(OPENSEARCH.folder)])
    words = ["java", *MEMORY, "-cp", classes, "EmbeddedNode", str(folder), str(port), str(free_port())]
    with running(words, folder / "node.log", lambda: bool(node.request("GET", "/"))):
        yield node
