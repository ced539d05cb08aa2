"""`tributary status`: how deployed stacks are doing, and what needs a person.

`stacks` has the table of what is looked at; a module for each kind of resource looks, and decides apart from that.
"""
