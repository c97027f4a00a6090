"""Home, list and product pages."""
