"""Planning in the browser: what a page needs of a task, and a folder of pages that any web server can serve."""
