"""Networks: what VPC endpoints say and do, and what a function in a network reaches.

https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
"""

from localcloud.emulator.networks import endpoints, functions, reaching


def install() -> None:
    """Put the endpoints' API in place, and the checks of functions and of their requests."""
    endpoints.install()
    functions.install()
    reaching.install()
