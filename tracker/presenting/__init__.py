"""Between looks: masks moved along with the picture, for every frame. Arrays and OpenCV only, no torch."""
