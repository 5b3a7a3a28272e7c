"""What the commands of `python -m fastinit` do."""
