"""Settings: what there is (`schema`) and where values come from (`load`)."""
