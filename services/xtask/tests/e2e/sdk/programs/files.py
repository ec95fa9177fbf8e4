"""Files with the synchronous SDK."""

import hashlib
import io
import urllib.request

from e2b import FileNotFoundException, FilesystemEventType, FileType, NotFoundException, Sandbox, SandboxException

from steps import by_host, drove, finish, raises, until

MIB = 1 << 20


def main():
    sandbox = Sandbox.create(timeout=300)
    try:
        text_and_bytes(sandbox.files)
        folders(sandbox.files)
        many(sandbox.files)
        large(sandbox)
        watched(sandbox)
        signed(sandbox)
    finally:
        sandbox.kill()


def text_and_bytes(files):
    written = files.write("hello.txt", "héllo\n")
    assert (written.name, written.path) == ("hello.txt", "/home/user/hello.txt"), written
    assert files.read("hello.txt") == "héllo\n"
    assert files.read("/home/user/hello.txt", format="bytes") == "héllo\n".encode()
    drove("write and read: text")
    data = bytes(range(256)) * 10
    files.write("/tmp/new folder/déep/data.bin", data)
    assert bytes(files.read("/tmp/new folder/déep/data.bin", format="bytes")) == data
    assert b"".join(files.read("/tmp/new folder/déep/data.bin", format="stream")) == data
    drove("write and read: bytes, streams, folders that were not there")
    files.write("empty", b"")
    assert files.read("empty") == ""
    files.write("hello.txt", "short")
    assert files.read("hello.txt") == "short"
    drove("write: nothing, and over what was there")
    files.write("by-root", "x", user="root")
    assert files.get_info("by-root", user="root").owner == "root"
    drove("write as another user")
    files.write("labelled", "x", metadata={"origin": "test"})
    assert files.get_info("labelled").metadata == {"origin": "test"}
    drove("write with metadata")
    raises((NotFoundException, FileNotFoundException), lambda: files.read("nosuch"))
    raises(SandboxException, lambda: files.read("/tmp"))
    drove("read of no file, and of a folder")


def folders(files):
    assert files.make_dir("/tmp/a/b") is True and files.make_dir("/tmp/a/b") is False
    assert files.exists("/tmp/a/b") and not files.exists("/tmp/a/c")
    drove("make_dir and exists")
    files.write("/tmp/a/b/x", "12345")
    info = files.get_info("/tmp/a/b/x")
    assert (info.name, info.size, info.type, info.owner) == ("x", 5, FileType.FILE, "user"), info
    assert info.permissions == "-rw-r--r--" and info.mode & 0o777 == 0o644, info
    drove("get_info")
    moved = files.rename("/tmp/a/b/x", "/tmp/a/y")
    assert moved.path == "/tmp/a/y" and not files.exists("/tmp/a/b/x")
    drove("rename")
    entries = {entry.name: entry.type for entry in files.list("/tmp/a")}
    assert entries == {"b": FileType.DIR, "y": FileType.FILE}, entries
    assert len(files.list("/tmp", depth=3)) > len(files.list("/tmp"))
    drove("list, also deep")
    files.remove("/tmp/a")
    assert not files.exists("/tmp/a")
    raises((NotFoundException, FileNotFoundException), lambda: files.list("/tmp/a"))
    raises((NotFoundException, FileNotFoundException), lambda: files.rename("/tmp/a", "/tmp/b"))
    drove("remove of a whole folder")


def many(files):
    entries = [{"path": f"/tmp/many/{n}/file {n}.txt", "data": f"content {n}"} for n in range(100)]
    written = files.write_files(entries)
    assert [one.path for one in written] == [entry["path"] for entry in entries]
    assert files.read("/tmp/many/99/file 99.txt") == "content 99"
    drove("write_files: 100 at once")


def large(sandbox):
    data = hashlib.shake_256(b"roost").digest(32 * MIB)
    digest = hashlib.sha256(data).hexdigest()
    sandbox.files.write("/tmp/large", data, request_timeout=240)
    assert digest in sandbox.commands.run("sha256sum /tmp/large", timeout=120).stdout
    back = sandbox.files.read("/tmp/large", format="bytes", request_timeout=240)
    assert hashlib.sha256(back).hexdigest() == digest
    drove("write and read: 32 MiB")
    sandbox.files.write("/tmp/streamed", io.BytesIO(data), request_timeout=240)
    assert digest in sandbox.commands.run("sha256sum /tmp/streamed", timeout=120).stdout
    drove("write: 32 MiB of a stream")
    sandbox.files.write("/tmp/packed", b"x" * MIB, gzip=True, request_timeout=240)
    assert sandbox.files.get_info("/tmp/packed").size == MIB
    drove("write: gzip")


def watched(sandbox):
    sandbox.files.make_dir("/tmp/watched/below")
    handle = sandbox.files.watch_dir("/tmp/watched", recursive=True, include_entry=True)
    sandbox.files.write("/tmp/watched/below/new", "x")
    sandbox.files.rename("/tmp/watched/below/new", "/tmp/watched/below/newer")
    sandbox.files.remove("/tmp/watched/below/newer")
    seen = []

    def look():
        events = handle.get_new_events()
        seen.extend((event.name, event.type) for event in events)
        kinds = {kind for _, kind in seen}
        wanted = {FilesystemEventType.CREATE, FilesystemEventType.WRITE, FilesystemEventType.RENAME, FilesystemEventType.REMOVE}
        return wanted <= kinds

    until(look, "all events")
    assert all(name.startswith("below") for name, _ in seen), seen
    handle.stop()
    raises(SandboxException, handle.get_new_events)
    drove("watch_dir")
    raises((NotFoundException, FileNotFoundException), lambda: sandbox.files.watch_dir("/tmp/nosuch"))
    drove("watch_dir of no folder")


def signed(sandbox):
    """The URLs that need no SDK: they carry their right in themselves, and no token."""
    host = sandbox.get_host(49983)

    def path(url):
        return url[url.index("/files") :]

    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nsigned\r\n--b--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    up = path(sandbox.upload_url("/tmp/signed"))
    assert by_host(host, up, data=part, headers=kind)[0] == 200
    down = path(sandbox.download_url("/tmp/signed", use_signature_expiration=60))
    assert by_host(host, down) == (200, b"signed")
    drove("upload_url and download_url, by the sandbox's host name")
    url = sandbox.download_url("/tmp/signed", user="root")
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"signed"
    request = urllib.request.Request(sandbox.upload_url("/tmp/signed-too"), data=part, headers=kind)
    urllib.request.urlopen(request, timeout=30).close()
    assert sandbox.files.read("/tmp/signed-too") == "signed"
    drove("upload_url and download_url, as they are")
    assert by_host(host, down.replace("signed", "hosts"))[0] == 401
    # By whole seconds of the guest's clock, which may be half a second behind: so not only just past.
    past = path(sandbox.download_url("/tmp/signed", use_signature_expiration=-5))
    assert by_host(host, past)[0] == 401
    assert by_host(host, "/files?path=/tmp/signed")[0] == 401
    drove("signatures of another file, of the past, and none")


main()
finish()
