"""Generated cases over the whole interface, as nobody, as A and as B."""
