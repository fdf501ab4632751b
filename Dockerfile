# docker build -t sam3-streamer .
# docker build -t sam3-streamer --build-arg VARIANT=cuda . (with the C compiler that compiled parts need on a GPU)
# Both print a key and the address to open; -e STREAMER_API_KEYS=… sets a key that stays.
# docker run --rm --network host sam3-streamer            (WebRTC without a NAT in between: the simplest)
# docker run --rm -p 8000:8000 sam3-streamer              (HTTP, WebSocket, RTSP and files; for WebRTC open UDP ports too:
#                                                          docs/operations.md, STREAMER_UDP_PORTS)
FROM python:3.11-slim AS build

WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_CONSTRAINT=/src/constraints.txt PIP_BUILD_CONSTRAINT=/src/constraints.txt
RUN python -m venv /opt/streamer
# Everything that others wrote first: this layer stays while only our sources change.
COPY constraints.txt pyproject.toml README.md LICENSE NOTICE ./
COPY LICENSES ./LICENSES
RUN mkdir streamer tracker web \
    && touch streamer/__init__.py tracker/__init__.py web/index.html \
    && /opt/streamer/bin/pip install . \
    && /opt/streamer/bin/pip uninstall --yes sam3-streamer
COPY tracker ./tracker
COPY streamer ./streamer
COPY web ./web
RUN /opt/streamer/bin/pip install --no-deps .

FROM python:3.11-slim

# cpu or cuda. On CUDA parts of the model are compiled, and Triton calls a C compiler for that.
ARG VARIANT=cpu
RUN case "$VARIANT" in \
        cpu) ;; \
        cuda) apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/* ;; \
        *) echo "VARIANT is cpu or cuda, not $VARIANT" >&2; exit 1 ;; \
    esac
COPY --from=build /opt/streamer /opt/streamer
COPY LICENSE NOTICE /usr/share/doc/sam3-streamer/
COPY LICENSES /usr/share/doc/sam3-streamer/LICENSES
RUN useradd --create-home --uid 10001 streamer
# What is compiled on CUDA is kept from start to start: docker run -v compiled:/var/cache/streamer …
RUN install --directory --owner streamer --group streamer /var/cache/streamer
VOLUME /var/cache/streamer
ENV TORCHINDUCTOR_CACHE_DIR=/var/cache/streamer TRITON_CACHE_DIR=/var/cache/streamer/triton
RUN install --directory --mode 700 --owner streamer --group streamer /home/streamer/.local /home/streamer/.local/state \
        /home/streamer/.local/state/sam3-streamer
USER streamer
WORKDIR /home/streamer
# A container listens on all addresses: where no key is set, one is made at each start and printed.
ENV PATH=/opt/streamer/bin:$PATH PYTHONUNBUFFERED=1 STREAMER_MAKE_KEY=1

# The sessions that are to outlive the container: -v streamer:/home/streamer/.local/state/sam3-streamer
VOLUME /home/streamer/.local/state/sam3-streamer
# HTTP, WHIP and WebSocket. WebRTC media arrives over UDP on ports that the system picks.
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request as u; tls = os.environ.get('STREAMER_TLS') or os.environ.get('STREAMER_TLS_CERT'); u.urlopen(('https' if tls else 'http') + '://127.0.0.1:8000/healthz', timeout=4, context=ssl._create_unverified_context() if tls else None)"]
CMD ["streamer", "serve", "--host", "0.0.0.0"]
