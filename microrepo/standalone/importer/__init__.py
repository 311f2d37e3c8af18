"""Import a bundle into a repository, without microrepo installed.

One file, standard library only, Python 3.7 or later: it travels inside each bundle.
"""
