"""What the tests here run."""

CONFIGURATION = """
seed = 3
dtype = "float64"
rounds = 6

[book]
accounts = 60

# Policies of one structure share a program, which is compiled once.
[[policies]]
name = "all"
severity = "fixed"
severity_parameters = { severity = 1.0 }

[[policies]]
name = "half"
severity = "fixed"
severity_parameters = { severity = 0.5 }
"""
SCENARIOS = 160
