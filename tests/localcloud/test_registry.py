"""A local cloud is known by its process, and a process id alone is nobody's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud import commands, ports, registry, server
from localcloud.engine.layout import Layout
from localcloud.engine.processes import started_at
from localcloud.errors import NotRunningError, StartError
from localcloud.server import LocalCloud

pytestmark = pytest.mark.pure


def test_a_registered_cloud_runs_until_its_process_ends(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        registry.register(LocalCloud("http://127.0.0.1:4600", 4600, process.pid, folder))
        [found] = registry.running(tmp_path)
        assert (found.endpoint, found.port, found.pid, found.folder) == (
            "http://127.0.0.1:4600", 4600, process.pid, folder,
        )  # fmt: skip
        process.communicate(b"\n")
    assert started_at(process.pid) is None
    assert registry.running(tmp_path) == []


@pytest.mark.parametrize("started", ["an earlier boot 4711", None], ids=["reused", "written by an older version"])
def test_a_process_id_that_is_somebody_elses_by_now_is_left_alone(
    started: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a reboot: `tributary local stop` drops the entry, and kills nobody."""
    folder = tmp_path / ".tributary" / "clouds" / "old"
    folder.mkdir(parents=True)
    entry = {"endpoint": "http://127.0.0.1:4600", "port": 4600, "pid": os.getpid()}
    (folder / "cloud.json").write_text(json.dumps(entry | ({"started": started} if started else {})))
    monkeypatch.setattr(server, "_end", lambda *_: pytest.fail("it was about to kill this process"))
    monkeypatch.setattr(commands, "checkout", lambda: Layout(tmp_path))
    with pytest.raises(NotRunningError, match="no local cloud runs on port 4600; `tributary local start` starts one"):
        commands.stop(port=4600, everything=False)
    commands.stop(port=None, everything=True)


def test_a_port_that_this_user_may_not_use_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(port: int) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ports, "in_use", refuse)
    with pytest.raises(StartError, match=r"port 80 is not yours .* `tributary local start --port 4080`"):
        server.start(80)
