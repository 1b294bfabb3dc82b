"""For `pulumi` by hand (stacks/README.md)."""

from stacks.stations import program

program.from_plan_file()
