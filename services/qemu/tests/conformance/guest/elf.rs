//! The ELF around the guest's code: one loadable segment at 2 MiB and the note that lets PVH loaders enter it.
//!
//! Layout after System V's gABI and Xen's `xen/include/public/elfnote.h`.

/// Where the file is loaded: above the first megabyte, which belongs to firmware.
const LOAD_AT: u32 = 0x20_0000;

const EHDR: u16 = 64;
const PHDR: u16 = 56;

/// `XEN_ELFNOTE_PHYS32_ENTRY`: the 32-bit entry point.
const NOTE_TYPE: u32 = 18;

/// Note: three words, the name `Xen\0`, and eight bytes of address.
const NOTE_BYTES: u16 = 12 + 4 + 8;

const NOTE_AT: u16 = EHDR + 2 * PHDR;
const CODE_AT: u16 = NOTE_AT + NOTE_BYTES;

/// Address of the first instruction.
pub(crate) fn entry() -> u32 {
    LOAD_AT + u32::from(CODE_AT)
}

/// The whole file.
pub(crate) fn wrap(code: &[u8]) -> Vec<u8> {
    let mut elf = Vec::new();
    let total = u64::from(CODE_AT) + code.len() as u64;
    header(&mut elf);
    segment(&mut elf, 1, 7, 0, LOAD_AT.into(), total, 0x1000); // PT_LOAD, read write execute
    segment(
        &mut elf,
        4,
        4,
        NOTE_AT.into(),
        u64::from(LOAD_AT) + u64::from(NOTE_AT),
        NOTE_BYTES.into(),
        4,
    ); // PT_NOTE
    note(&mut elf);
    assert_eq!(
        elf.len(),
        usize::from(CODE_AT),
        "the headers have the size they claim"
    );
    elf.extend(code);
    elf
}

fn header(elf: &mut Vec<u8>) {
    elf.extend(b"\x7fELF\x02\x01\x01"); // 64 bits, little endian, version 1
    elf.extend([0; 9]);
    elf.extend(2_u16.to_le_bytes()); // ET_EXEC
    elf.extend(62_u16.to_le_bytes()); // EM_X86_64
    elf.extend(1_u32.to_le_bytes());
    elf.extend(u64::from(entry()).to_le_bytes());
    elf.extend(u64::from(EHDR).to_le_bytes()); // program headers follow
    elf.extend(0_u64.to_le_bytes()); // no section headers
    elf.extend(0_u32.to_le_bytes());
    for field in [EHDR, PHDR, 2, 0, 0, 0] {
        elf.extend(field.to_le_bytes());
    }
}

fn segment(elf: &mut Vec<u8>, kind: u32, flags: u32, offset: u64, address: u64, bytes: u64, align: u64) {
    elf.extend(kind.to_le_bytes());
    elf.extend(flags.to_le_bytes());
    for field in [offset, address, address, bytes, bytes, align] {
        elf.extend(field.to_le_bytes());
    }
}

fn note(elf: &mut Vec<u8>) {
    for word in [4, 8, NOTE_TYPE] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(b"Xen\0");
    elf.extend(u64::from(entry()).to_le_bytes());
}
