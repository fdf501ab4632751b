"""What FFmpeg may make of the bytes it gets: demuxers of video, protocols, and the size of a picture."""

from __future__ import annotations

from streamer import limits

# By the names of FFmpeg's demuxers. Not in it: those that draw text (tty, bin, xbin, idf, adf), that open what a text
# names (concat, sdp, dash, imf, vobsub, image2), and that make pictures of anything (rawvideo, lavfi).
VIDEO = (
    *("mov", "matroska", "webm", "mpegts", "mpeg", "avi", "flv", "live_flv", "asf", "ogg", "nut", "mxf", "ivf", "gif"),
    *("h261", "h263", "h264", "hevc", "vvc", "av1", "obu", "m4v", "mpegvideo", "vc1", "dv", "rm", "wtv", "y4m"),
    *("mjpeg", "mjpeg_2000", "mpjpeg", "smjpeg", "apng", "yuv4mpegpipe", "gxf", "dnxhd", "cavsvideo"),
    *("hls", "rtsp", "rtp", "v4l2", "video4linux2"),
)
_OF_PICTURES = ("jpeg", "png", "webp", "bmp", "tiff", "gif", "ppm", "pgm", "pbm", "pam", "jpegxl", "qoi")
PICTURES = tuple(f"{name}_pipe" for name in _OF_PICTURES)
# An HLS playlist may have its sound and its subtitles in files of their own; none of these gives a picture.
BESIDE = ("aac", "mp3", "ac3", "eac3", "webvtt", "flac", "wav")
DEMUXERS = ",".join((*VIDEO, *PICTURES, *BESIDE))

# The protocols that FFmpeg itself may speak, by the scheme of an address. Files and HTTP are read for it.
PROTOCOLS = {
    "rtsp": "rtsp,rtp,udp,tcp",
    "rtsps": "rtsps,rtsp,rtp,tls,tcp",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,tls,tcp",
    "srt": "srt,udp",
    "udp": "udp",
    "rtp": "rtp,udp",
    "v4l2": "file",
}
NONE = "none"  # a protocol that does not exist: an empty list would allow all

# What the content type says better than a look at the first bytes: those have no name to look at.
BY_KIND = {
    "application/vnd.apple.mpegurl": "hls",
    "application/x-mpegurl": "hls",
    "audio/mpegurl": "hls",
    "audio/x-mpegurl": "hls",
    "multipart/x-mixed-replace": "mpjpeg",
}


def decoding() -> dict[str, str]:
    """Options for a decoder, be it one that FFmpeg opens to look at the first pictures."""
    return {"max_pixels": str(limits.MAX_FRAME_PIXELS)}


def reading(scheme: str) -> dict[str, str]:
    """Options for opening an address of that scheme."""
    whitelists = {"format_whitelist": DEMUXERS, "protocol_whitelist": PROTOCOLS.get(scheme, NONE)}
    return {**whitelists, **decoding()}
