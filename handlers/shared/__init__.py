"""What several functions share; it goes into every function's zip."""
