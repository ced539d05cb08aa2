"""SNS as AWS does it: what can be published and subscribed, who gets it in which form, and what happens when not.

`messages` says what is refused about a message and reads it from requests, `publishing` are Publish and PublishBatch,
`filter_policies` what a policy may be and `filtering` what it lets through, `subscribing` are a subscription's rules,
`envelopes` what each protocol gets, `delivery` how, with `dead_letters` for what could not be delivered.
https://docs.aws.amazon.com/sns/latest/dg/welcome.html
"""

from localcloud.emulator.topics import errors, publishing, subscribing


def install() -> None:
    """Put every rule in place."""
    for module in (errors, publishing, subscribing):
        module.install()
