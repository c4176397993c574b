"""The checkable claims of both papers, each a function of a random instance."""
