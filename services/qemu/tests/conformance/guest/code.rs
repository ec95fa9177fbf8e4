//! The guest's instructions, assembled by hand.
//!
//! Both engines enter an ELF with a Xen PVH note in 32-bit protected mode, and an ELF without one in long mode. Every
//! encoding here means the same in both, and jumps are relative, so one table serves whichever way it is entered.

use std::ops::Range;

/// What the guest says first.
pub(crate) const BANNER: &str = "roost bare metal\n";

/// What it keeps saying while it lives.
pub(crate) const TICK: u8 = b'.';

/// What it says of a page that is not what it left there.
pub(crate) const WRONG: u8 = b'!';

/// Where the pattern is, in bytes of guest physical memory: a page holds its address, plus the rounds it has seen.
pub(crate) const PATTERN: Range<u32> = 8 << 20..24 << 20;

/// Bytes of a page.
pub(crate) const PAGE: u32 = 4096;

/// What the guest does after its banner.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// Writes a tick now and then, for ever.
    Tick,
    /// Writes as fast as it can, for ever.
    Flood,
    /// Fills [`PATTERN`] and then changes every other page of it round after round, checking each page before; a tick
    /// after each round, and [`WRONG`] for ever if a page is not what it was.
    Pattern,
    /// Resets the machine by the keyboard controller, as Linux does for `reboot=k`.
    Reset,
}

/// Writes the byte in `bl` to the serial port when its transmitter is empty.
const PUT: &[u8] = &[
    0xBA, 0xFD, 0x03, 0x00, 0x00, // wait: mov edx, 0x3fd   line status
    0xEC, //                               in al, dx
    0xA8, 0x20, //                         test al, 0x20      transmitter empty
    0x74, 0xF6, //                         jz wait
    0x88, 0xD8, //                         mov al, bl
    0xBA, 0xF8, 0x03, 0x00, 0x00, //       mov edx, 0x3f8     data
    0xEE, //                               out dx, al
];

/// The code, to be placed at `origin`, and the banner behind it.
pub(crate) fn assemble(behaviour: Behaviour, origin: u32) -> Vec<u8> {
    let tail = tail(behaviour);
    // mov esi (5) · lodsb test jz (5) · mov bl (2) · PUT · jmp (2)
    let banner_at = origin + u32::try_from(5 + 5 + 2 + PUT.len() + 2 + tail.len()).expect("a small guest");
    let mut code = vec![0xBE]; //                    mov esi, banner
    code.extend(banner_at.to_le_bytes());
    code.extend([0xAC]); //                    next: lodsb
    code.extend([0x84, 0xC0]); //                    test al, al
    code.extend([0x74, forward(2 + PUT.len() + 2)]); //  jz tail
    code.extend([0x88, 0xC3]); //                    mov bl, al
    code.extend(PUT);
    code.extend([0xEB, back(5 + 2 + PUT.len() + 2)]); // jmp next
    code.extend(tail);
    code.extend(BANNER.as_bytes());
    code.push(0);
    code
}

fn tail(behaviour: Behaviour) -> Vec<u8> {
    match behaviour {
        Behaviour::Tick => {
            let mut code = vec![0xB3, TICK]; //             again: mov bl, '.'
            code.extend(PUT);
            code.extend([0xB9, 0x00, 0x40, 0x00, 0x00]); //        mov ecx, 0x4000
            code.extend([0xE2, 0xFE]); //                          loop itself
            code.extend([0xEB, back(2 + PUT.len() + 5 + 2 + 2)]); // jmp again
            code
        }
        Behaviour::Flood => {
            let mut code = vec![0xB3, TICK]; //             again: mov bl, '.'
            code.extend(PUT);
            code.extend([0xEB, back(2 + PUT.len() + 2)]); //       jmp again
            code
        }
        Behaviour::Pattern => pattern(),
        Behaviour::Reset => vec![
            0xB0, 0xFE, // again: mov al, 0xfe    pulse the reset line
            0xE6, 0x64, //        out 0x64, al
            0xEB, 0xFA, //        jmp again
        ],
    }
}

/// The round is kept in `esi`, the page in `edi`.
fn pattern() -> Vec<u8> {
    let mut fill = vec![0x89, 0x3F]; //              fill: mov [edi], edi
    fill.extend(next_page(PAGE, fill.len())); //           the next page
    let mut page = vec![
        0x8B, 0x07, //                               page: mov eax, [edi]
        0x29, 0xF8, //                                     sub eax, edi
        0x39, 0xF0, //                                     cmp eax, esi
    ];
    let jump_if_wrong = page.len();
    page.extend([0x75, 0]); //                             jne wrong
    page.extend([0x83, 0x07, 0x01]); //                    add dword [edi], 1
    page.extend([0xB9, 0x80, 0x00, 0x00, 0x00]); //        mov ecx, 0x80
    page.extend([0xE2, 0xFE]); //                          loop itself
    page.extend(next_page(2 * PAGE, page.len())); //       the page after the next

    let mut code = first_page();
    code.extend(fill);
    code.extend([0x31, 0xF6]); //                          xor esi, esi
    let round = code.len();
    code.extend(first_page());
    let wrong_from = code.len() + jump_if_wrong + 2;
    code.extend(page);
    code.extend([0x83, 0xC6, 0x01]); //                    add esi, 1
    code.extend([0xB3, TICK]); //                          mov bl, '.'
    code.extend(PUT);
    code.extend([0xEB, back(code.len() + 2 - round)]); //  jmp round
    code[wrong_from - 1] = forward(code.len() - wrong_from);
    code.extend([0xB3, WRONG]); //                  wrong: mov bl, '!'
    code.extend(PUT);
    code.extend([0xEB, back(2 + PUT.len() + 2)]); //       jmp wrong
    code
}

fn first_page() -> Vec<u8> {
    let mut code = vec![0xBF]; //                          mov edi, start
    code.extend(PATTERN.start.to_le_bytes());
    code
}

/// Goes to the page `bytes` further and back to the loop's beginning, `done` bytes of code before, or out of the loop.
fn next_page(bytes: u32, done: usize) -> Vec<u8> {
    let mut code = vec![0x81, 0xC7]; //                    add edi, bytes
    code.extend(bytes.to_le_bytes());
    code.extend([0x81, 0xFF]); //                          cmp edi, end
    code.extend(PATTERN.end.to_le_bytes());
    code.extend([0x72, back(done + code.len() + 2)]); //   jb to the beginning
    code
}

/// Displacement of a short jump over `bytes`.
fn forward(bytes: usize) -> u8 {
    u8::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes < 0x80)
        .expect("a short jump")
}

/// Displacement of a short jump back over `bytes`, the jump's own two included.
fn back(bytes: usize) -> u8 {
    forward(bytes).wrapping_neg()
}
