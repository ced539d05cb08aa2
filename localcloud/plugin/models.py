"""Botocore's data files, each read once for the whole process: by clients, and by the checks of requests."""

import functools
import threading

from botocore.loaders import Loader, create_loader
from botocore.model import ServiceModel

_lock = threading.Lock()


@functools.cache
def loader() -> Loader:
    """The loader that every botocore session of this process shares; it keeps what it has read."""
    return create_loader()


@functools.cache
def _service_model(service: str) -> ServiceModel:
    return ServiceModel(loader().load_service_model(service, "service-2"), service_name=service)


def service_model(service: str) -> ServiceModel:
    """Botocore's model of a service, under its own name."""
    with _lock:
        return _service_model(service)
