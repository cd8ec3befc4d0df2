"""Mails: owed in the transaction that causes them, delivered by the clock, tried again until they are taken."""
