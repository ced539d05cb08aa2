"""What the handlers themselves cost: time, memory and size, measured without a cloud."""
