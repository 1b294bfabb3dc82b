"""From one definition of a network to another: what is published in which order, who does what, what sessions do.

`meanwhile` is what applies at a station whose operator has not accepted yet, `sessions` says whether old and new
compute together, `between` finds the definitions in between, and `listed` makes steps of them.
"""
