"""What the local cloud adds to the pinned emulator so that it behaves as AWS does.

Each sub-package or module of `ADDITIONS` names the AWS behaviour it follows and the documentation page that states
it, and has one function `install()` that puts it in place with `patching.replaces`. Everything runs in the emulator's
own process, so that its public API stays the single truth. docs/local-cloud.md lists every behaviour with the test
that pins it.

A folder holds one service's rules (`kinesis`, `table_streams`, `event_sources` for Lambda's mappings, `sandbox` for
its functions, `firehose`, …); `access` holds who may do what, `key_use` which customer key is asked, `faults` and
`throughput` what goes wrong on demand. Modules on this level are what several of them use: `request_gate` and
`patching` to come in between, `eventloop` and `storage` to act in the emulator, `invocation`, `metrics`, `control`.
Imports have no circles, neither between modules nor between folders (tests/localcloud/test_imports.py).
"""
