"""Where bytes lie: the flat directory, links, atomic writes."""
