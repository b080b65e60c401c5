"""Alerts: what they say, where they go, and what was sent."""
