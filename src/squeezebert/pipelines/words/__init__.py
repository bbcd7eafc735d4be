"""Words of a text: where they begin and end, and tags for them."""
