"""Whether this station takes part: plans, allowances, what ran before, the register."""
