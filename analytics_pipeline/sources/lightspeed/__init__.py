"""Lightspeed Retail (X-Series)."""
