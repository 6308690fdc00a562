"""Outbound requests, one file a library."""
