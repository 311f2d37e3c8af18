"""The test bed: genuine distributions, an index in memory, a server that behaves or misbehaves."""
