"""What the integration tests share: launching and addressing the cloud, waiting, building what is deployed."""
