"""An open benchmark: any world model through the same frozen problems, beside the floors and this lab's base model."""
