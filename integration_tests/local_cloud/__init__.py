"""Conformance of the local cloud with AWS: plain boto3 against whatever `--target` names."""
