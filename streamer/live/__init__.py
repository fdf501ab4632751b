"""One live stream: its frames, its objects, those who read along, and what they may ask."""
