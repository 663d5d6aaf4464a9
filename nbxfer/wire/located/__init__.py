"""Where an object of a store is to be had over HTTP: a signed URL, or one with headers, good for a while.

Each module knows one kind of store. It asks the store's own library for what only that knows (credentials, end points,
signatures) and gives an Access; the bytes then go the way that all of HTTP goes here. What is given is a secret, lives
in memory, and is never shown: errors and stories name the store's URL.
"""
