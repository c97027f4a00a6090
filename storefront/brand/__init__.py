"""The owner's own folder: name, words, colours and marks of the shop, read and checked once at start."""
