"""Parts that several methods use; none of them is a method."""
