"""The fan-out platform: one stream to any number of targets in nine services, which a mapping table names.

`settings` says what a stack file may say, `platform` is the account whose function delivers, `receiver` a role of
another account that may put into one target. A receiver grants and is deployed first.
"""
