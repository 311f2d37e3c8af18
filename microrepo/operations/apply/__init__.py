"""Plans carried out: files brought to a destination, verified, recorded, reported."""
