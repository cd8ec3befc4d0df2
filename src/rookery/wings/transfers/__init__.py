"""Moves of servers between nodes, in both roles."""
