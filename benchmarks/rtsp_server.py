"""
A real RTSP camera that plays one H.264 file: ``/usr/bin/python3 rtsp_server.py FILE``.

Runs under the system's Python, which has GStreamer's bindings (Debian: python3-gi, gir1.2-gst-rtsp-server-1.0). Prints
its address, and ends when its standard input is closed.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def serve(path: str) -> None:
    """Serve the file at /camera on a free port of this machine until standard input closes."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service="0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( filesrc location="{path}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 )')
    server.get_mount_points().add_factory("/camera", factory)
    server.attach(None)
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}/camera", flush=True)
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    serve(sys.argv[1])
