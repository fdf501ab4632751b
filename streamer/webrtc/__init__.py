"""WebRTC: cameras that send to us and players that watch. The only package that imports aiortc."""
