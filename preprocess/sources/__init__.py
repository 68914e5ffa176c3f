"""Where data sets come from: simulated, downloaded, or read from another tool's format."""
