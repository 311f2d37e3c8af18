"""Questions of a first run, and the config file that the answers make."""
