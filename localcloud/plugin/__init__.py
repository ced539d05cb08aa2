"""The strict `aws` resource plugin: what the Pulumi engine talks to where the real `pulumi-resource-aws` cannot be had.

Run as `python -m localcloud.plugin <engine address>`. It covers the resource types in `localcloud.plugin.resources`,
checks every input against `pulumi_aws`'s own types and botocore's service models, and refuses what it does not know.
"""
