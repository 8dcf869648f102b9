"""What others have made, read without executing any of it, and stored as this lab's own: world models and data sets."""
