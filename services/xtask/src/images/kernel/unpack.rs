//! The ELF kernel inside a bzImage, for engines that start one.
//!
//! Offsets are those of Linux's x86 boot protocol, `Documentation/arch/x86/boot.rst`.

use std::io::Read;

use anyhow::{Context, Result, bail};
use lz4_flex::frame::FrameDecoder;

const SETUP_SECTORS: usize = 0x1f1;
const MAGIC: usize = 0x202;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;
const SECTOR: usize = 512;
/// What `setup_sects` means when it is 0.
const DEFAULT_SETUP_SECTORS: usize = 4;
/// The payload ends with its uncompressed length.
const TRAILER: usize = 4;
/// The magic number of LZ4's legacy frame, which is what the kernel's build writes.
const LZ4_LEGACY: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// Finds and decompresses the kernel proper.
pub(super) fn vmlinux(image: &[u8]) -> Result<Vec<u8>> {
    if image.get(MAGIC..MAGIC + 4) != Some(b"HdrS") {
        bail!("the kernel is no bzImage: its header has no HdrS at {MAGIC:#x}");
    }
    let sectors = match image[SETUP_SECTORS] {
        0 => DEFAULT_SETUP_SECTORS,
        sectors => usize::from(sectors),
    };
    let start = (sectors + 1) * SECTOR + number(image, PAYLOAD_OFFSET)?;
    let length = number(image, PAYLOAD_LENGTH)?;
    let payload = image
        .get(start..start + length)
        .context("the kernel's payload lies outside its file")?;
    let (payload, size) = payload
        .split_at_checked(length.saturating_sub(TRAILER))
        .context("the kernel's payload is empty")?;
    if !payload.starts_with(&LZ4_LEGACY) {
        bail!(
            "the kernel's payload begins with {:02x?}; only LZ4 is understood",
            &payload[..4.min(payload.len())]
        );
    }
    let mut elf = Vec::with_capacity(number(size, 0)?);
    FrameDecoder::new(payload)
        .read_to_end(&mut elf)
        .context("the kernel's payload is damaged")?;
    if elf.len() != number(size, 0)? || !elf.starts_with(b"\x7fELF") {
        bail!(
            "the kernel's payload holds {} bytes that are no ELF file of the promised length",
            elf.len()
        );
    }
    Ok(elf)
}

fn number(bytes: &[u8], at: usize) -> Result<usize> {
    let bytes = bytes
        .get(at..at + 4)
        .context("the kernel's header is cut short")?;
    Ok(u32::from_le_bytes(bytes.try_into()?) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A legacy frame is its magic number and blocks with their lengths before them.
    fn image(content: &[u8]) -> Vec<u8> {
        let block = lz4_flex::block::compress(content);
        let length = u32::try_from(block.len()).unwrap().to_le_bytes();
        let mut payload = [LZ4_LEGACY.as_slice(), &length, &block].concat();
        payload.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        let mut image = vec![0; 2 * SECTOR];
        image[SETUP_SECTORS] = 1;
        image[MAGIC..MAGIC + 4].copy_from_slice(b"HdrS");
        image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4]
            .copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        image.extend(payload);
        image
    }

    #[test]
    fn the_elf_file_is_found_and_unpacked() {
        let elf = [b"\x7fELF".as_slice(), &[7; 5000]].concat();
        assert_eq!(vmlinux(&image(&elf)).unwrap(), elf);
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        let whole = image(b"\x7fELF and more");
        for wrong in [
            &[] as &[u8],
            &[0; 2048],
            &whole[..whole.len() - 6],
            &image(b"something else"),
        ] {
            assert!(vmlinux(wrong).is_err());
        }
    }
}
