"""For `pulumi` by hand (stacks/README.md)."""

from stacks.servers import program

program.from_plan_file()
