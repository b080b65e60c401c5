"""Anomalies: whether something is unlike what is normal for this shop."""
