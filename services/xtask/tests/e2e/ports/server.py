"""A server on the guest's loopback: pages, events that wait for each other, and a WebSocket that echoes."""

import base64
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NEXT = threading.Semaphore(0)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            return self.websocket()
        if self.path == "/events":
            return self.events()
        if self.path == "/next":
            NEXT.release()
        self.page(str(self.headers).encode())

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        digest = hashlib.sha256()
        while length:
            chunk = self.rfile.read(min(length, 1 << 16))
            digest.update(chunk)
            length -= len(chunk)
        self.page(base64.b64encode(digest.digest()))

    def page(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number in range(3):
            self.wfile.write(b"data: %d\n\n" % number)
            self.wfile.flush()
            NEXT.acquire()

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.wfile.flush()
        # Short, masked frames are all that the test sends.
        while head := self.rfile.read(2):
            mask, length = self.rfile.read(4), head[1] & 0x7F
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(length)))
            self.wfile.write(bytes([head[0], length]) + data)
            self.wfile.flush()
        self.close_connection = True


ThreadingHTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
