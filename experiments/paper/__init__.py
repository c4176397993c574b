"""The tables and figures of arXiv 2602.15182, one script each."""
