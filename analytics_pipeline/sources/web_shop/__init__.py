"""The web shop (Ecwid)."""
