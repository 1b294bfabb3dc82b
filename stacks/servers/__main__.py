"""For `pulumi up` by hand, where the official Pulumi release is installed."""

from stacks.servers import program

program.from_plan_file()
