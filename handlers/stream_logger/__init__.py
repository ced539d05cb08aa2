"""`kds-cross-account-stream-efo-consumer`: logs a line for each record of another account's stream."""
