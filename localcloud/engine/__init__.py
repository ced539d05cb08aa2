"""The real Pulumi engine without its installer: finding or building the CLI, the language host, plugins, the environment."""
