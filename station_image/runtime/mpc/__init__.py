"""MPyC 0.11 on connections that somebody else opened, with the checks that it lacks. Only the computer imports it."""
