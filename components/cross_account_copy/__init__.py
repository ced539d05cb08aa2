"""The cross-account copy: Kinesis in one account → DynamoDB in another → S3.

`settings` says what a stack file may say, `target` and `source` are the two sides. The target grants trust and is
deployed first.
"""
