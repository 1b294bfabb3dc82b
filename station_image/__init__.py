"""The station image: how it is made; its program is in runtime/."""
