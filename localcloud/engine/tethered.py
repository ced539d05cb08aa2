"""Runs a module in a process that ends with its parent: `python -m localcloud.engine.tethered <parent's pid> <module>`.

A process that has threads cannot safely run Python between fork and exec, so the child ties itself to its parent
(https://docs.python.org/3/library/subprocess.html#subprocess.Popen, `preexec_fn`).
"""

import os
import runpy
import sys

from localcloud.engine.processes import die_with_parent


def main(parent: int, module: str) -> None:
    """Runs the module as `python -m <module>` does, unless the parent has ended already."""
    die_with_parent()
    if os.getppid() != parent:
        return
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
