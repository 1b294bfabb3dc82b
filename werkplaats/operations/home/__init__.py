"""What an operator has on the own machine: networks, vault, locks."""
