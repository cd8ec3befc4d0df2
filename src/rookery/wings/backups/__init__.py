"""Backups of servers: made, kept here or in a bucket, restored."""
