"""What the `tributary` command refuses or cannot do; each text says what to type next.

OperationError (RuntimeError)
├── StackError        a stack file is missing or wrong, or stacks cannot be ordered
│   └── NotDeployedError  the backend does not know the stack
├── EngineError       `pulumi` ended with an error
├── AccountError      the credentials are not those of the account that is meant
├── StillHeldError    an operation ended, and what it held could not be let go on
└── DifferenceError   the far end is not equal to its source
"""


class OperationError(RuntimeError):
    """Base of every error whose text is meant for the user: shown without a traceback, exit code 1."""


class StackError(OperationError):
    """A stack file is missing or wrong, or stacks cannot be ordered."""


class NotDeployedError(StackError):
    """The backend does not know the stack."""


class EngineError(OperationError):
    """`pulumi` ended with an error; the text holds its last lines."""


class AccountError(OperationError):
    """The credentials are not those of the account that is meant, or are refused."""


class StillHeldError(OperationError):
    """An operation ended, and what it held could not be let go on."""


class DifferenceError(OperationError):
    """The far end is not equal to its source."""
