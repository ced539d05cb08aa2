"""The table replica: a DynamoDB table, its stream, and a function that keeps another table equal to it.

`settings` is what a stack file may say, `replica` the source's side with the function, `far_end` the replica's side
when that is in another account or Region.
"""
