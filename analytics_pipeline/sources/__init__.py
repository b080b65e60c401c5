"""The only place with HTTP, and with files that other programs wrote."""
