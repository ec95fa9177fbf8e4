"""Commands and terminals with the synchronous SDK."""

import threading
import time

from e2b import CommandExitException, NotFoundException, PtySize, Sandbox, SandboxException, TimeoutException

from steps import drove, finish, raises, until


def main():
    sandbox = Sandbox.create(timeout=300)
    try:
        foreground(sandbox)
        background(sandbox)
        reconnected(sandbox)
        stdin(sandbox)
        terminals(sandbox)
        many(sandbox)
    finally:
        sandbox.kill()


def foreground(sandbox):
    run = sandbox.commands.run
    done = run("echo out; echo err >&2")
    assert (done.stdout, done.stderr, done.exit_code) == ("out\n", "err\n", 0), done
    drove("run: stdout and stderr")
    failed = raises(CommandExitException, lambda: run("echo why >&2; exit 7"))
    assert (failed.exit_code, failed.stderr) == (7, "why\n"), failed
    drove("run: an exit code")
    assert run("echo $A $B", envs={"A": "1", "B": "é"}).stdout == "1 é\n"
    assert run("pwd", cwd="/tmp").stdout == "/tmp\n"
    raises(SandboxException, lambda: run("pwd", cwd="/nosuch"))
    drove("run: envs and cwd")
    assert run("whoami").stdout == "user\n" and run("whoami", user="root").stdout == "root\n"
    assert run("pwd").stdout == "/home/user\n"
    raises(SandboxException, lambda: run("true", user="nobodyhere"))
    drove("run: user")
    began = time.monotonic()
    raises(TimeoutException, lambda: run("sleep 60", timeout=2))
    assert time.monotonic() - began < 20
    drove("run: timeout")
    lines = []
    run("for i in 1 2 3; do echo $i; sleep 0.2; done", on_stdout=lines.append)
    assert "".join(lines) == "1\n2\n3\n", lines
    drove("run: output as it comes")
    big = run("head -c 3000000 /dev/zero | tr '\\0' x", timeout=120).stdout
    assert len(big) == 3_000_000
    drove("run: 3 MB of output")


def background(sandbox):
    handle = sandbox.commands.run("sleep 0.3; echo late; exit 3", background=True)
    assert handle.pid > 0
    failed = raises(CommandExitException, handle.wait)
    assert (failed.exit_code, failed.stdout) == (3, "late\n"), failed
    drove("run in the background, and wait")
    handle = sandbox.commands.run("sleep 100", background=True)
    listed = {process.pid: process for process in sandbox.commands.list()}
    assert "sleep 100" in " ".join(listed[handle.pid].args), listed
    drove("list")
    assert sandbox.commands.kill(handle.pid) is True
    raises(CommandExitException, handle.wait)
    assert sandbox.commands.kill(handle.pid) is False
    drove("kill, and kill of none")


def reconnected(sandbox):
    handle = sandbox.commands.run("while [ ! -e /tmp/go ]; do sleep 0.1; done; echo went", background=True)
    handle.disconnect()
    again = sandbox.commands.connect(handle.pid)
    sandbox.commands.run("touch /tmp/go")
    assert again.wait().stdout == "went\n"
    drove("disconnect, and connect to a running command")
    raises(NotFoundException, lambda: sandbox.commands.connect(999_999))
    drove("connect to no command")


def stdin(sandbox):
    handle = sandbox.commands.run("cat; echo end", background=True, stdin=True)
    sandbox.commands.send_stdin(handle.pid, "one\n")
    sandbox.commands.send_stdin(handle.pid, "two é\n")
    sandbox.commands.close_stdin(handle.pid)
    assert handle.wait().stdout == "one\ntwo é\nend\n"
    drove("send_stdin and close_stdin")
    if hasattr(sandbox.commands, "stream_input"):
        handle = sandbox.commands.run("cat", background=True, stdin=True)
        sandbox.commands.stream_input(handle.pid, ["a", b"b", "c\n"])
        sandbox.commands.close_stdin(handle.pid)
        assert handle.wait().stdout == "abc\n"
        drove("stream_input")


def terminals(sandbox):
    pty = sandbox.pty.create(PtySize(rows=24, cols=80), envs={"MARK": "m4rk"})
    shown = bytearray()
    reader = threading.Thread(target=lambda: ends(pty, shown), daemon=True)
    reader.start()
    sandbox.pty.send_stdin(pty.pid, b"stty size; echo $MARK-$TERM\n")
    until(lambda: b"24 80" in shown and b"m4rk-xterm-256color" in shown, "the size and the variables")
    drove("pty: create and send_stdin")
    sandbox.pty.resize(pty.pid, PtySize(rows=30, cols=100))
    sandbox.pty.send_stdin(pty.pid, b"stty size\n")
    until(lambda: b"30 100" in shown, "the new size")
    drove("pty: resize")
    # A shell throws away what was typed before an interrupt, so each line waits for the prompt.
    until(lambda: shown.endswith(b"$ "), "a prompt")
    sandbox.pty.send_stdin(pty.pid, b"sleep 1234\n")
    until(lambda: sandbox.commands.run("pgrep -xf 'sleep 1234' || true").stdout, "the command's beginning")
    sandbox.pty.send_stdin(pty.pid, b"\x03")
    until(lambda: shown.endswith(b"$ "), "the prompt after an interrupt")
    drove("pty: Ctrl-C")
    again = sandbox.pty.connect(pty.pid)
    sandbox.pty.send_stdin(pty.pid, b"echo both\\ see\n")
    assert any(b"both see" in data for _, _, data in again if data)
    again.disconnect()
    drove("pty: connect")
    assert sandbox.pty.kill(pty.pid) is True
    reader.join(30)
    assert not reader.is_alive()
    drove("pty: kill")


def ends(pty, shown):
    try:
        pty.wait(on_pty=shown.extend)
    except CommandExitException:
        pass


def many(sandbox):
    handles = [sandbox.commands.run(f"echo {n}", background=True) for n in range(20)]
    assert [handle.wait().stdout for handle in handles] == [f"{n}\n" for n in range(20)]
    drove("20 commands at once")


main()
finish()
