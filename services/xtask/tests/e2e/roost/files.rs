//! `roost cp`.

use std::fs;

use anyhow::{Result, ensure};

use super::{Roost, file, refused};

pub(super) async fn are_copied_both_ways(roost: &Roost<'_>, id: &str) -> Result<()> {
    let here = tempfile::tempdir()?;
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let big = file(here.path(), "big.bin", &content)?;
    roost
        .ok(&["cp", &big, &format!("{id}:/tmp/copies/big.bin")])
        .await?;
    let sum = roost.ok(&["exec", id, "wc", "-c", "/tmp/copies/big.bin"]).await?;
    assert_eq!(sum, "12000000 /tmp/copies/big.bin");
    let back = here.path().join("back.bin").to_string_lossy().into_owned();
    roost
        .ok(&["cp", &format!("{id}:/tmp/copies/big.bin"), &back])
        .await?;
    ensure!(fs::read(&back)? == content, "it came back as something else");

    // Folders, into one that is there and to one that is not; both pipes.
    file(here.path(), "tree/a.txt", "a")?;
    file(here.path(), "tree/in/side/b c.txt", "b")?;
    fs::create_dir(here.path().join("tree/empty"))?;
    std::os::unix::fs::symlink("/etc/passwd", here.path().join("tree/link"))?;
    let tree = here.path().join("tree").to_string_lossy().into_owned();
    roost.ok(&["cp", &tree, &format!("{id}:/tmp/copies")]).await?;
    let found = roost
        .ok(&["exec", id, "sh", "-c", "cd /tmp/copies/tree && find . | sort"])
        .await?;
    assert_eq!(found, ".\n./a.txt\n./empty\n./in\n./in/side\n./in/side/b c.txt");
    let copy = here.path().join("copy");
    roost
        .ok(&["cp", &format!("{id}:/tmp/copies/tree"), &copy.to_string_lossy()])
        .await?;
    assert_eq!(fs::read_to_string(copy.join("in/side/b c.txt"))?, "b");
    ensure!(copy.join("empty").is_dir() && !copy.join("link").exists());
    let sent = roost
        .run_with(&["cp", "-", &format!("{id}:/tmp/copies/piped")], b"by pipe")
        .await?;
    assert_eq!(sent.code, 0, "{sent:?}");
    assert_eq!(
        roost.ok(&["cp", &format!("{id}:/tmp/copies/piped"), "-"]).await?,
        "by pipe"
    );

    refused(roost, &["cp", &format!("{id}:/no/such"), &back], 3, "/no/such").await?;
    refused(
        roost,
        &["cp", &back, &format!("{id}:/proc/version")],
        1,
        "/proc/version",
    )
    .await?;
    refused(roost, &["cp", &back, "elsewhere"], 1, "ID:PATH").await?;
    refused(roost, &["cp", "nobody:/x", &back], 3, "nobody").await?;
    assert_eq!(
        fs::read(&back)?.len(),
        content.len(),
        "what failed has left what was there"
    );
    Ok(())
}

/// A sandbox in which somebody put links where folders were: nothing outside the copy is written.
pub(super) async fn with_names_that_lead_elsewhere_are_not(roost: &Roost<'_>, id: &str) -> Result<()> {
    let here = tempfile::tempdir()?;
    let script = "mkdir -p /tmp/trap/sub && echo bad > /tmp/trap/sub/file && ln -s / /tmp/trap/root";
    roost.ok(&["exec", id, "sh", "-c", script]).await?;
    let outside = here.path().join("outside");
    fs::create_dir(&outside)?;
    let copy = here.path().join("copy");
    fs::create_dir(&copy)?;
    fs::create_dir(copy.join("trap"))?;
    std::os::unix::fs::symlink(&outside, copy.join("trap/sub"))?;
    let from = format!("{id}:/tmp/trap");
    refused(roost, &["cp", &from, &copy.to_string_lossy()], 1, "no folder").await?;
    ensure!(fs::read_dir(&outside)?.next().is_none(), "a link was followed");
    fs::remove_file(copy.join("trap/sub"))?;
    roost.ok(&["cp", &from, &copy.to_string_lossy()]).await?;
    assert_eq!(fs::read_to_string(copy.join("trap/sub/file"))?, "bad\n");
    ensure!(!copy.join("trap/root").exists(), "a link was copied");
    Ok(())
}
