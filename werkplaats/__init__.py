"""The command `werkplaats`: verbs parse and print, operations do the work, checks judge what stands."""
