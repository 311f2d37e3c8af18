"""Settings: their declaration (`schema`) and values (`load`)."""
