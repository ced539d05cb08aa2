"""What a deployment refuses before it starts.

SettingsError (ValueError)
    a stack file says something that cannot be meant; its text is a whole instruction
"""


class SettingsError(ValueError):
    """A stack file is wrong. The message names the file, the key, what was found and what is allowed."""
