"""What root and release holders do: a part of `trust`, in a folder of its own."""
