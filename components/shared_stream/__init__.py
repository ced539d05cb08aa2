"""The shared stream: a Kinesis stream read by functions of other accounts, each through a consumer of its own.

`settings` says what a stack file may say, `owner` and `subscriber` are the two sides. The owner grants and is
deployed first.
"""
