"""The page and the plots that people look at."""
