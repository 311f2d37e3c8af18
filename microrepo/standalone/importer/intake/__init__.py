"""Intake: what a bundle needs is verified and staged, and nothing visible changes."""
