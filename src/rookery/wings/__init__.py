"""Wings: the daemon of one node."""

VERSION = "1.11.13"
"""The wire's version this daemon speaks; panels compare it with the original's releases."""
