"""What the shop costs, measured on this machine: ``make bench``. Compare ratios within one run."""
