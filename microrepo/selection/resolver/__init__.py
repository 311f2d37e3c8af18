"""The dependency resolver: which releases install together."""
