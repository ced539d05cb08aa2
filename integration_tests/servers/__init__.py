"""The software behind services whose data plane the local cloud does not have: Redis, Memcached, OpenSearch.

They are the real servers, one for each test worker, and what a story puts in is read back by their own protocols. Where
one is missing the stories that need it are skipped, and say what to type.
"""
