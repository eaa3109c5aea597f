"""The built-in claims: each module holds a tuple ``CLAIMS``; the ledger finds them by itself."""
