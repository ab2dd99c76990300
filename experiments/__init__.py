"""What maintainers run: train what ships, measure it, and see how fast it is. See README.md."""
