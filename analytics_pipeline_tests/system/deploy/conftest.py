"""What the deployments share with the shared one: a server of PostgreSQL."""

from analytics_pipeline_tests.system.shared_deployment.conftest import server

__all__ = ["server"]
