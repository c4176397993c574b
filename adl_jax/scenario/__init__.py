"""Samplers of books and of crashes."""
