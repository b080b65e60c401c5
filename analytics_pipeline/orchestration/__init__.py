"""Everything that Dagster sees: gate, jobs, schedules, resources, records."""
