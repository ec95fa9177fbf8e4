//! Forwarding an HTTP/1.1 request: bodies stream both ways, and an upgraded connection becomes a tunnel.
