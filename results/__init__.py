"""From cells to files that other programs open: tables, ROIs, pictures, movies, exported nets."""
