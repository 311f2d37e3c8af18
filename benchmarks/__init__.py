"""Benchmarks of microrepo against floors and peers, on a generated index served over loopback."""
