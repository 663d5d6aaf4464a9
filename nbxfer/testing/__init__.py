"""The room for those who test: fakes that are shipped, and contracts that every source and sink must keep.

Who writes a source or a sink subclasses SourceContract or SinkContract, says how one is made, and has the whole suite;
the fakes here pass the same suites. It may know every room below it; nothing in nbxfer imports it but the demo.
The contracts need pytest, the fakes do not.
"""
