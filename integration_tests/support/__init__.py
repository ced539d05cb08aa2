"""What the integration tests share: launching and addressing the cloud, waiting, and building what a test puts into it."""
