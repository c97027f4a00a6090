"""Pictures that the shop draws: of products without one, and what others show when a page is shared."""
