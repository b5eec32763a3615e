"""The report of exported files: one HTML page, its timeline as a picture, a comment in Markdown.

`measuring` asks the events, `timeline` finds bars and gaps, `given` reads what other steps found, `chart` draws,
`page` and `comment` write, `visible` shows what is not trusted, and `making` is the task that does all of it, in a
process of its own. matplotlib and Jinja2 are an extra and imported on use.
"""
