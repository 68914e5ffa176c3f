"""Arrays and tables in, figures out."""
