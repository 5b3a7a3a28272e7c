"""Each library's best call for the same work, and the check of what it makes."""
