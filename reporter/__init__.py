"""reporter: from a comparison to text that people and machines read.

Pure functions, values in and text out: Markdown, JSON, JUnit, what GitHub shows, and how numbers are written. It
decides nothing about what regressed, reads no store, and never lets a name that it was given speak Markdown or HTML.
"""
