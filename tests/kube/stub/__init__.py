"""A small Kubernetes API on a real port, for faults that a real one cannot be asked for.

It stores objects and injects failures. It knows no ownership of fields, no defaults and no admission: what needs those
is tested against a real API server.
"""

from tests.kube.stub.faults import Plan
from tests.kube.stub.server import Stub

__all__ = ["Plan", "Stub"]
