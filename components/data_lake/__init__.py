"""The data lake: DynamoDB → Kinesis → Firehose with a transforming function → S3, in one account or across two.

`settings` says what a stack file may say, `producer` and `consumer` are the two sides. The consumer grants access to
its bucket and is deployed first; `lake` is both sides in one account.
"""
