"""Keeps a replica equal to a DynamoDB table, from the table's stream."""
