"""Transforms the changes of a DynamoDB table into flat lines of JSON, for a Firehose delivery stream to a data lake."""
