"""The room of lines and credentials: what sources and sinks share below.

It knows sockets, TLS, proxies, request and response heads, redirects, and which credential or cookie may go to which
server. It may not know what an answer means for a transfer (sources do), nor files, nor the manifest; it has no thread
and no loop: everything blocks in the caller's worker thread, in slices of at most 0.1 s, and calls the caller's
``tick`` between two slices, so that the caller can come home by raising. httpx decides URLs, headers and auth flows
(without I/O), h11 and h2 read and write heads, socksio speaks to SOCKS proxies, keyring finds secrets: all of them are
imported here only. Sources and sinks call it; every foreign error leaves as one of ours (translate.py).
"""
