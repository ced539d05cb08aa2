"""What to do about an error that an AWS client raised: the next thing to type."""

# By the class's name, since botocore is imported by those sub-commands only that call AWS.
BY_CLASS = {
    "NoCredentialsError": "Type the command in `make shell`, or name your own profile: `export AWS_PROFILE=…`",
    "ProfileNotFound": "`aws configure list-profiles` lists those that there are",
    "HTTPClientError": "The connection broke: type the same command again",
    "ConnectionError": "If that is a local cloud, it has stopped: `tributary local status` lists those that run",
}
NEW_CREDENTIALS = (
    "Get new credentials, such as by `aws sso login`, or name a profile that is renewed, `export AWS_PROFILE=…`, and "
    "type the same command again"
)
PERMISSIONS = "docs/real-accounts.md says which permissions are needed, and for whom"
LATER = "AWS takes no more of these at a time: type the same command again, later"
# By a part of the code that AWS answers with.
# https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/common-errors.html
BY_CODE = {
    "ExpiredToken": NEW_CREDENTIALS,
    **dict.fromkeys(("AccessDenied", "NotAuthorized", "Unauthorized", "AuthorizationError"), PERMISSIONS),
    **dict.fromkeys(("Throttl", "ThroughputExceeded"), LATER),
}
OTHERWISE = "Correct that, and type the same command again"


def advice(error: Exception) -> str:
    """What to do, without a full stop."""
    names = {kind.__name__ for kind in type(error).__mro__}
    # Errors of the connection have a response as well, which is None.
    code = (getattr(error, "response", None) or {}).get("Error", {}).get("Code", "")
    found = [text for name, text in BY_CLASS.items() if name in names]
    found += [text for part, text in BY_CODE.items() if part in code]
    return (found or [OTHERWISE])[0]
