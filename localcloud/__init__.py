"""What exists only so that Tributary runs without AWS: emulator, Pulumi engine set-up, `aws` plugin, language host."""
