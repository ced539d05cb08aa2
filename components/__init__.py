"""Pulumi components: one module or package per architecture, and beside them the parts that architectures share."""
