"""A Python function's execution environment as a process: started, asked, limited in memory and time, ended.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html. Who asks is another matter: the local
cloud's Lambda (`localcloud.emulator.sandbox`), or LocalStack's (`localcloud.localstack`), whose interpreter has
neither the emulator nor this project's packages; so nothing but the standard library is imported here.
"""
