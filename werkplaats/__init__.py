"""The command `werkplaats`: verbs parse and print, operations do the work, checks judge what stands."""

VERSION = "1.0.0.dev0"
"""The version of this suite, as CHANGELOG.md knows it; the release of the station image has its own."""
