import pytest

pytest.register_assert_rewrite("analytics_pipeline_tests.system.faults.outcomes")
