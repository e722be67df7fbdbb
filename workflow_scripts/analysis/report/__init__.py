"""The page report.html: what is read for it, a module per section, and the template."""
