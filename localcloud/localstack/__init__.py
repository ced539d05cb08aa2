"""LocalStack's open runtime without Docker: installed, started, and given what stands in for its downloads.

`packages` puts it into an environment of its own in the user's cache folder, `hosting` runs it, `runtime` is what
runs inside it, in its interpreter. docs/localstack.md says what is LocalStack's own there and what is not.
"""
