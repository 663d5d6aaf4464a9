"""Transfers that outlive the cell, the kernel and the notebook."""
