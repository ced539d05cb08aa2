"""Small programs, each a consumer of the resource types that one story is about."""
