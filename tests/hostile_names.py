"""Hostile names: what a service, an endpoint or a person may be called, and must not do to a page."""

HOSTILE = (
    "/a|b|c",
    "`code` ``two``",
    "first\nsecond\r\n\r\n# heading",
    "\"double\" 'single'",
    "🚀 launch",
    "<script>alert(1)</script>",
    "--> <!-- soakwatch:verdicts:1 {} -->",
    "@octocat @github/security",
    "#123 GH-123 octo/repo#1",
    "```mermaid\ngraph TD\n```",
    "x" * 10_000,
    "https://example.com/issues/1 www.example.com :tada: $x$",
    "![i](javascript:x) [l][1] **b** _e_ ~~s~~ \\| &amp;",
    "\u202egnp.exe \u200b\x00",
    "",
)
