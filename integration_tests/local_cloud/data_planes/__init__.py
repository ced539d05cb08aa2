"""The servers behind caches and search domains, and the endpoints that tell of them."""
