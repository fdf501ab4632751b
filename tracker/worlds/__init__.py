"""The synthetic worlds: renderers, things, what they look like, and the camera that moves over them."""
