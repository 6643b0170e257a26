"""Who is near whom: lists of neighbours, and sums over them."""
