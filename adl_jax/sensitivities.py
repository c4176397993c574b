"""How much every reported figure depends on the venue."""
