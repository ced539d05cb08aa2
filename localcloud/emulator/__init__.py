"""What the local cloud adds to the pinned emulator so that it behaves as AWS does.

Each sub-package or module of `ADDITIONS` names the AWS behaviour it follows and the documentation page that states
it, and has one function `install()` that puts it in place with `patching.replaces`. Everything runs in the emulator's
own process, so that its public API stays the single truth. docs/local-cloud.md lists every behaviour with the test
that pins it.
"""
