"""The asynchronous SDK: the same wire, with many things at once."""

import asyncio

from e2b import AsyncSandbox, CommandExitException, FilesystemEventType, PtySize, SandboxQuery

from steps import drove, finish


async def main():
    sandbox = await AsyncSandbox.create(timeout=300, metadata={"kind": "async"})
    try:
        drove("async create")
        await commands(sandbox)
        await terminal(sandbox)
        await files(sandbox)
        await watched(sandbox)
        await lists(sandbox)
        await sleeps(sandbox)
    finally:
        assert await sandbox.kill()
    assert not await sandbox.is_running()
    assert await AsyncSandbox.kill("nosuchsandbox") is False
    drove("async kill, is_running, kill of an unknown sandbox")


async def commands(sandbox):
    done = await asyncio.gather(*(sandbox.commands.run(f"echo {n}") for n in range(20)))
    assert [one.stdout for one in done] == [f"{n}\n" for n in range(20)]
    drove("async run: 20 at once")
    lines = []
    handle = await sandbox.commands.run("cat", background=True, stdin=True, on_stdout=lines.append)
    await sandbox.commands.send_stdin(handle.pid, "typed\n")
    again = await sandbox.commands.connect(handle.pid)
    assert any(process.pid == handle.pid for process in await sandbox.commands.list())
    await sandbox.commands.close_stdin(handle.pid)
    assert (await handle.wait()).stdout == "typed\n" and "".join(lines) == "typed\n"
    assert (await again.wait()).exit_code == 0
    drove("async run in the background, send_stdin, connect, list, close_stdin")
    handle = await sandbox.commands.run("sleep 100", background=True)
    assert await handle.kill()
    await ends_badly(handle)
    drove("async kill of a command")


async def terminal(sandbox):
    shown = bytearray()
    pty = await sandbox.pty.create(PtySize(rows=20, cols=70), on_data=shown.extend)
    await sandbox.pty.send_stdin(pty.pid, b"stty size\n")
    await comes(lambda: b"20 70" in shown)
    await sandbox.pty.resize(pty.pid, PtySize(rows=21, cols=71))
    await sandbox.pty.send_stdin(pty.pid, b"stty size\n")
    await comes(lambda: b"21 71" in shown)
    assert await sandbox.pty.kill(pty.pid)
    await ends_badly(pty)
    drove("async pty: create, send_stdin, resize, kill")


async def files(sandbox):
    await asyncio.gather(*(sandbox.files.write(f"/tmp/async/{n}", f"{n}") for n in range(20)))
    read = await asyncio.gather(*(sandbox.files.read(f"/tmp/async/{n}") for n in range(20)))
    assert read == [f"{n}" for n in range(20)]
    assert len(await sandbox.files.list("/tmp/async")) == 20
    await sandbox.files.rename("/tmp/async/0", "/tmp/async/zero")
    assert await sandbox.files.exists("/tmp/async/zero")
    await sandbox.files.remove("/tmp/async")
    assert not await sandbox.files.exists("/tmp/async")
    drove("async files: write, read, list, rename, exists, remove")


async def watched(sandbox):
    await sandbox.files.make_dir("/tmp/watched")
    events = []
    handle = await sandbox.files.watch_dir("/tmp/watched", on_event=events.append)
    await sandbox.files.write("/tmp/watched/new", "x")
    await comes(lambda: any(event.name == "new" and event.type == FilesystemEventType.WRITE for event in events))
    await handle.stop()
    drove("async watch_dir")


async def lists(sandbox):
    page = AsyncSandbox.list(query=SandboxQuery(metadata={"kind": "async"}))
    found = await page.next_items()
    assert [item.sandbox_id for item in found] == [sandbox.sandbox_id]
    again = await AsyncSandbox.connect(sandbox.sandbox_id)
    assert (await again.get_info()).metadata == {"kind": "async"}
    drove("async list, connect and get_info")


async def sleeps(sandbox):
    await sandbox.files.write("/tmp/kept", "bytes")
    assert await sandbox.pause() is True and not await sandbox.is_running()
    assert await sandbox.pause() is False
    again = await AsyncSandbox.connect(sandbox.sandbox_id, timeout=300)
    assert await again.files.read("/tmp/kept") == "bytes"
    drove("async pause, and connect to a paused sandbox")
    children = await again.fork(timeout=300, count=2)
    try:
        read = await asyncio.gather(*(child.files.read("/tmp/kept") for child in children))
        assert read == ["bytes", "bytes"]
        drove("async fork")
    finally:
        await asyncio.gather(*(child.kill() for child in children if isinstance(child, AsyncSandbox)))
    snapshot = await again.create_snapshot()
    listed = await again.list_snapshots().next_items()
    assert [item.snapshot_id for item in listed] == [snapshot.snapshot_id]
    assert await AsyncSandbox.delete_snapshot(snapshot.snapshot_id) is True
    drove("async create_snapshot, list_snapshots, delete_snapshot")


async def ends_badly(handle):
    try:
        await handle.wait()
    except CommandExitException:
        return
    raise AssertionError("a killed command ended well")


async def comes(look):
    async with asyncio.timeout(30):
        while not look():
            await asyncio.sleep(0.1)


asyncio.run(main())
finish()
