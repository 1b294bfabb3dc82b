"""A server as its owner offers it: asked before anything of ours is placed, judged in one table, told in words."""
