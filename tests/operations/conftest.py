"""Makes the fakes of this folder known to the tests in the folders below it."""
