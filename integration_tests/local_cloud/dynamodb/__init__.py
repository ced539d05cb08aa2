"""DynamoDB: throughput, expiry and exports."""
