"""The Lambda functions of Tributary: one package per function, and what several of them share in `handlers.shared`."""
