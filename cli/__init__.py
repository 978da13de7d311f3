"""cli: the command line, the one place where the parts are put together. It computes nothing itself."""
