"""The embedded cloud: MiniStack made to behave, the images that it boots, and the command that runs them."""
