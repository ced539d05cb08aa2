"""The emulator's additions: what decides, without an emulator."""
