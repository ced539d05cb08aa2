"""What operations on several kinds of architecture work with: tables and raw items, digests, rates, comparing."""
