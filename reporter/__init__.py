"""reporter: from comparisons and incidents to text that people and machines read, and the issues on GitHub.

Pure functions, values in and text out: Markdown, JSON, JUnit, and what is to change on GitHub. Only `github.py` talks
to GitHub, and `issue_writing.py` asks it to. It decides nothing about what regressed, reads no store, and never lets a
name that it was given speak Markdown or HTML.
"""
