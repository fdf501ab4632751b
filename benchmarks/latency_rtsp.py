"""
A live RTSP camera: GStreamer's server, and x264 in front of it as a camera's encoder.

Run by the system's Python, which has the bindings: ``-m benchmarks.latency_rtsp PORT WIDTH HEIGHT FPS SCENES TRACE``.
SCENES holds I420 pictures one behind the other, shown in a circle, each with its number in it. To TRACE goes a line of
JSON for each: its number, when it was handed to the encoder and when that gave it away. Prints "ready" when it listens,
and goes on until its standard input is closed.
"""

import json
import sys
import threading
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

from benchmarks.numbered import LAST, strip  # noqa: E402

port, *numbers, scenes, trace = sys.argv[1:]
width, height, fps = map(int, numbers)
size = width * height * 3 // 2
pictures = memoryview(Path(scenes).read_bytes())
notes = Path(trace).open("w", buffering=1)  # noqa: SIM115 (as long as the process)
taken: list[tuple[int, float]] = []  # in the encoder, which keeps the order


def film(media_factory: object, media: GstRtspServer.RTSPMedia) -> None:
    """Begin to show the scenes to the first that comes; the others see the same."""
    pipeline = media.get_element()
    encoder = pipeline.get_by_name("encoder")
    encoder.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, encoded)
    threading.Thread(target=show, args=(pipeline.get_by_name("lens"),), daemon=True).start()


def encoded(pad: object, info: object) -> Gst.PadProbeReturn:
    """Note when a picture left the encoder."""
    number, drawn = taken.pop(0)
    notes.write(json.dumps({"number": number, "drawn": drawn, "sent": time.monotonic()}) + "\n")
    return Gst.PadProbeReturn.OK


def show(lens: Gst.Element) -> None:
    """Hand one picture after the other to the encoder, each when it is due."""
    began = time.monotonic()
    for number in range(LAST + 1):
        time.sleep(max(0.0, began + number / fps - time.monotonic()))
        place = number % (len(pictures) // size) * size
        top = strip(number, width, height)
        taken.append((number, time.monotonic()))
        picture = Gst.Buffer.new_wrapped(top + bytes(pictures[place + len(top) : place + size]))
        if lens.emit("push-buffer", picture) != Gst.FlowReturn.OK:
            return


Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( appsrc name=lens is-live=true do-timestamp=true format=time "
    f"caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 "
    "! x264enc name=encoder tune=zerolatency speed-preset=ultrafast key-int-max=30 bitrate=2500 threads=1 "
    "! rtph264pay name=pay0 pt=96 )"
)
factory.set_shared(True)
factory.connect("media-configure", film)
server.get_mount_points().add_factory("/cam", factory)
if not server.attach(None):
    sys.exit(f"port {port} is taken")
loop = GLib.MainLoop()
threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
print("ready", flush=True)
loop.run()
