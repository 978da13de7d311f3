"""store: what is kept and how.

The window store's contract and SQLite behind it. It never decides anything, and never sees a single request.
"""
