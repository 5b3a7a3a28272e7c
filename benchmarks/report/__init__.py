"""From results to what docs/ shows: tables and figures."""
