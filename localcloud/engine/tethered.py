"""Runs something in a process that ends with its parent, which the pid names.

`python -m localcloud.engine.tethered <parent's pid> <module>`, or, for a program and its arguments,
`… <parent's pid> -- <program> <argument>…`.

A process that has threads cannot safely run Python between fork and exec, so the child ties itself to its parent
(https://docs.python.org/3/library/subprocess.html#subprocess.Popen, `preexec_fn`).
"""

import os
import runpy
import sys

from localcloud.engine.processes import die_with_parent

PROGRAM = "--"


def main(parent: int, *words: str) -> None:
    """Runs the module as `python -m <module>` does, or the program, unless the parent has ended already."""
    die_with_parent()
    if os.getppid() != parent:
        return
    first, *arguments = words
    if first == PROGRAM:
        os.execvp(arguments[0], arguments)
    sys.argv = [first]
    runpy.run_module(first, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
