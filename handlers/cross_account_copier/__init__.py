"""`ProdKinesisToPocDynamo`: copies the records of a Kinesis stream into a DynamoDB table of another account."""
