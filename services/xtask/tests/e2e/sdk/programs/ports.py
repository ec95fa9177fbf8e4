"""Servers in the guest, reached from outside by their host names."""

import json

from e2b import Sandbox

from steps import by_host, drove, finish, until

SERVER = "python3 -m http.server 8000 --bind 127.0.0.1 --directory /tmp/site"


def main():
    sandbox = Sandbox.create(timeout=300)
    private = Sandbox.create(timeout=300, network={"allow_public_traffic": False})
    try:
        for one in (sandbox, private):
            one.files.write("/tmp/site/index.html", "from the guest")
            one.commands.run(SERVER, background=True)
        host = sandbox.get_host(8000)
        assert host.startswith(f"8000-{sandbox.sandbox_id}."), host
        until(lambda: by_host(host, "/")[0] == 200, "the server answers")
        assert by_host(host, "/") == (200, b"from the guest")
        drove("get_host: a server on the guest's loopback")
        status, body = by_host(sandbox.get_host(8001), "/")
        closed = json.loads(body)
        assert (status, closed["code"], closed["port"]) == (502, 502, 8001), (status, body)
        drove("get_host: a closed port")

        token = private.traffic_access_token
        assert token
        host = private.get_host(8000)
        until(lambda: by_host(host, "/", headers={"e2b-traffic-access-token": token})[0] == 200, "the server answers")
        refused, _ = by_host(host, "/")
        assert refused in (401, 403), refused
        drove("get_host: a port that takes a traffic token")
    finally:
        sandbox.kill()
        private.kill()
    status, body = by_host(sandbox.get_host(8000), "/")
    gone = json.loads(body)
    assert (status, gone["code"], gone["sandboxId"]) == (502, 502, sandbox.sandbox_id), (status, body)
    drove("get_host: a killed sandbox")


main()
finish()
