"""`PocLambdaFirehose`: forwards the changes of a DynamoDB table to a Firehose delivery stream as lines of JSON."""
