"""Step Functions as AWS has it where the plain emulator differs: executions act as their role, and Map Runs are whole.

`roles` has whom an execution acts as, `stopping` what ends with it, `distributed` the Distributed Map with its readers
and writers in `objects`, `definitions` what CreateStateMachine refuses, `naming` what StartExecution does twice.
"""

from localcloud.emulator.step_functions import definitions, distributed, naming, roles, stopping


def install() -> None:
    """Put all of it in place."""
    for module in (roles, stopping, distributed, definitions, naming):
        module.install()
