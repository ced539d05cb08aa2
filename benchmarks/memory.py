"""How much memory a process has had."""

import resource
from pathlib import Path


def peak_mb() -> float:
    """This process's peak memory in MB (of 2**20 bytes). getrusage would count that of the parent at the start as well.

    https://man7.org/linux/man-pages/man5/proc_pid_status.5.html (VmHWM)
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024
