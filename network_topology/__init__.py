"""What a network is: a definition is loaded, checked, and compiled to everything that follows from it.

The data walks one way, a module per step::

    source (bytes → tree with places) → load (tree → model.Definition) → rules → compile → compiled.CompiledNetwork
                                                        └ twin (the sandbox twin)      └ diff, draw

Nothing here opens a socket or starts a process, and of this project it imports the ground only (`base`).
"""
