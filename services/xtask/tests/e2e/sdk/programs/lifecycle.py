"""A sandbox's life with the synchronous SDK: create, look, list, extend, end."""

import datetime
import inspect
import uuid

from e2b import (
    AuthenticationException,
    NotFoundException,
    Sandbox,
    SandboxException,
    SandboxQuery,
    SandboxState,
)

from steps import drove, finish, raises, until

# Characters that a query's encoding must carry.
LABELS = {"owner": "a b&c=d", "part": "100% é+/?#", "run": uuid.uuid4().hex}


def main():
    sandbox = Sandbox.create(timeout=120, metadata=LABELS, envs={"GREETING": "héllo"})
    drove("create with timeout, metadata and envs")
    assert sandbox.is_running()
    drove("is_running")
    assert sandbox.commands.run("echo $GREETING").stdout == "héllo\n"
    drove("the sandbox's own envs")

    info = sandbox.get_info()
    assert info.sandbox_id == sandbox.sandbox_id and info.template_id == "base", info
    assert info.metadata == LABELS and info.state == SandboxState.RUNNING, info
    assert info.cpu_count >= 1 and info.memory_mb >= 96 and info.envd_version == "0.6.13", info
    left = info.end_at - datetime.datetime.now(datetime.timezone.utc)
    assert 60 < left.total_seconds() <= 121, left
    drove("get_info")

    before = info.end_at
    sandbox.set_timeout(300)
    after = sandbox.get_info().end_at
    assert (after - before).total_seconds() > 100, (before, after)
    Sandbox.set_timeout(sandbox.sandbox_id, 200)
    assert sandbox.get_info().end_at < after
    drove("set_timeout, both ways")

    metrics = until(sandbox.get_metrics, "metrics")
    assert metrics[0].mem_total > 0 and metrics[0].disk_total > 0 and metrics[0].cpu_count >= 1, metrics
    drove("get_metrics")

    lists(sandbox)
    connects(sandbox)
    repeated()
    cannot(sandbox)

    sandbox.update_network({"deny_out": ["1.1.1.1"], "allow_out": ["8.8.8.8"]})
    assert sandbox.get_info().network["deny_out"] == ["1.1.1.1/32"]
    drove("update_network")

    assert sandbox.kill() is True
    drove("kill")
    assert not sandbox.is_running()
    drove("is_running of a killed sandbox")
    assert sandbox.kill() is False and Sandbox.kill("nosuchsandbox") is False
    drove("kill of a killed and of an unknown sandbox")
    raises(NotFoundException, lambda: Sandbox.connect(sandbox.sandbox_id))
    raises(NotFoundException, lambda: Sandbox.set_timeout("nosuchsandbox", 10))
    raises(NotFoundException, sandbox.get_info)
    drove("connect, set_timeout and get_info of no sandbox")
    raises(SandboxException, lambda: sandbox.commands.run("true"))
    drove("a command in a killed sandbox")


def lists(sandbox):
    others = [Sandbox.create(timeout=60, metadata={"run": LABELS["run"]}) for _ in range(2)]
    try:
        mine = {sandbox.sandbox_id, *(other.sandbox_id for other in others)}
        query = SandboxQuery(metadata={"run": LABELS["run"]}, state=[SandboxState.RUNNING])
        pages, seen = Sandbox.list(query=query, limit=2), []
        while pages.has_next:
            page = pages.next_items()
            assert len(page) <= 2
            seen += [item.sandbox_id for item in page]
        assert len(seen) == 3 and set(seen) == mine, seen
        assert seen[-1] == sandbox.sandbox_id, "the newest comes first"
        drove("list with metadata, state and pages")
        found = Sandbox.list(query=SandboxQuery(metadata=LABELS)).next_items()
        assert [item.sandbox_id for item in found] == [sandbox.sandbox_id], found
        assert found[0].metadata == LABELS
        drove("list by metadata of any characters")
        none = SandboxQuery(metadata=LABELS, state=[SandboxState.PAUSED])
        assert Sandbox.list(query=none).next_items() == []
    finally:
        for other in others:
            other.kill()


def connects(sandbox):
    again = Sandbox.connect(sandbox.sandbox_id, timeout=10)
    assert again.commands.run("echo again").stdout == "again\n"
    left = again.get_info().end_at - datetime.datetime.now(datetime.timezone.utc)
    assert left.total_seconds() > 60, "a connect does not shorten a life"
    drove("connect")


def repeated():
    if "idempotency_key" not in inspect.signature(Sandbox.create).parameters:
        return
    key = uuid.uuid4().hex
    first, second = (Sandbox.create(timeout=60, idempotency_key=key) for _ in range(2))
    assert first.sandbox_id == second.sandbox_id
    assert first.kill()
    drove("create twice under one idempotency key")


def cannot(sandbox):
    refused = raises(SandboxException, lambda: Sandbox.create(network={"allow_out": ["example.com"]}))
    assert "example.com" in str(refused), refused
    refused = raises(SandboxException, lambda: Sandbox.create("nosuchtemplate"))
    assert "nosuchtemplate" in str(refused), refused
    refused = raises(AuthenticationException, lambda: Sandbox.create(api_key="e2b_" + "0" * 40))
    assert "401" in str(refused), refused
    drove("creates that are refused: network, template, key")


main()
finish()
