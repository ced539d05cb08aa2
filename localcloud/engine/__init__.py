"""The real Pulumi engine without its installer: the CLI, found or built, language host, plugins, environment."""
