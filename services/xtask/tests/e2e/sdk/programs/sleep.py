"""Sandboxes that stand still, and those that are made from others: pause, connect, fork, snapshots, auto-pause."""

import uuid

from e2b import Sandbox, SandboxException, SandboxQuery, SandboxState

from steps import drove, finish, raises, until

RUN = uuid.uuid4().hex


def main():
    sandbox = Sandbox.create(timeout=600, metadata={"run": RUN})
    try:
        pauses(sandbox)
        forks(sandbox)
        snapshots(sandbox)
    finally:
        sandbox.kill()
    by_itself()


def pauses(sandbox):
    sandbox.files.write("/home/user/kept", "bytes")
    reader = sandbox.commands.run("read -r line; echo got $line", background=True, stdin=True)
    assert sandbox.pause() is True
    drove("pause")
    assert not sandbox.is_running()
    drove("is_running of a paused sandbox")
    assert sandbox.pause() is False and sandbox.beta_pause() is False
    drove("pause of a paused sandbox")
    assert sandbox.get_info().state == SandboxState.PAUSED
    for states, expected in [(SandboxState.PAUSED, [sandbox.sandbox_id]), (SandboxState.RUNNING, [])]:
        query = SandboxQuery(metadata={"run": RUN}, state=[states])
        found = Sandbox.list(query=query).next_items()
        assert [item.sandbox_id for item in found] == expected, found
    drove("get_info and list of a paused sandbox")
    raises(SandboxException, lambda: sandbox.commands.run("true"))
    drove("a command in a paused sandbox")

    again = Sandbox.connect(sandbox.sandbox_id, timeout=600)
    assert again.is_running() and again.get_info().state == SandboxState.RUNNING
    drove("connect to a paused sandbox")
    assert again.files.read("/home/user/kept") == "bytes"
    assert any(process.pid == reader.pid for process in again.commands.list())
    follow = again.commands.connect(reader.pid)
    again.commands.send_stdin(reader.pid, "on\n")
    assert follow.wait().stdout == "got on\n"
    drove("files and a process from before the pause")


def forks(sandbox):
    sandbox.files.write("/home/user/who", "source")
    children = sandbox.fork(timeout=300, count=2)
    try:
        assert len(children) == 2 and all(isinstance(child, Sandbox) for child in children), children
        family = [sandbox, *children]
        assert len({one.sandbox_id for one in family}) == 3
        drove("fork")
        for child in children:
            assert child.files.read("/home/user/who") == "source"
            child.files.write("/home/user/who", child.sandbox_id)
        assert sandbox.files.read("/home/user/who") == "source"
        drove("files of forks, apart from their source's")
        own = {one.commands.run("hostname; cat /proc/sys/kernel/random/uuid").stdout for one in family}
        assert len(own) == 3, own
        drove("hostnames and randomness of forks")
    finally:
        for child in children:
            if isinstance(child, Sandbox):
                child.kill()


def snapshots(sandbox):
    name = f"warm-{RUN[:8]}"
    snapshot = sandbox.create_snapshot(name=name)
    assert snapshot.snapshot_id == name and snapshot.names == [name], snapshot
    assert sandbox.is_running()
    drove("create_snapshot")
    for pages in [sandbox.list_snapshots(), Sandbox.list_snapshots(sandbox_id=sandbox.sandbox_id, limit=1)]:
        assert [item.snapshot_id for item in pages.next_items()] == [name] and not pages.has_next
    drove("list_snapshots")
    made = Sandbox.create(snapshot.snapshot_id, timeout=300)
    try:
        assert made.files.read("/home/user/kept") == "bytes"
        drove("create from a snapshot")
        assert Sandbox.delete_snapshot(name) is True and Sandbox.delete_snapshot(name) is False
        assert made.commands.run("echo on").stdout == "on\n"
        refused = raises(SandboxException, lambda: Sandbox.create(name))
        assert name in str(refused), refused
        drove("delete_snapshot, which ends nothing")
    finally:
        made.kill()
    refused = raises(SandboxException, lambda: sandbox.create_snapshot(name="../etc"))
    assert "name" in str(refused), refused
    drove("create_snapshot under no name")


def by_itself():
    lifecycle = {"on_timeout": "pause", "auto_resume": True}
    sandbox = Sandbox.create(timeout=600, lifecycle=lifecycle)
    try:
        sandbox.files.write("/home/user/kept", "bytes")
        sandbox.set_timeout(1)
        until(lambda: sandbox.get_info().state == SandboxState.PAUSED, "it pauses by itself", 120)
        drove("a timeout that pauses")
        assert sandbox.commands.run("cat kept", cwd="/home/user").stdout == "bytes"
        assert sandbox.get_info().state == SandboxState.RUNNING
        drove("a command that resumes")
    finally:
        sandbox.kill()


main()
finish()
