"""One verb, one file: `arguments(parser)` and `run(given) -> exit code`; all they do is parse, print and end."""
