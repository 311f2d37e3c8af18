"""Programs that run without microrepo: standard library only, Python 3.7 or later."""
