//! Whatever bytes arrive, reading them ends in a value or an error, never in a panic or a spent machine.

use proptest::prelude::*;
use roost_schemas::command::{ContentType, SandboxCommand};
use roost_schemas::commit::Commit;
use roost_schemas::event::{HostEvent, SandboxEvent, TemplateEvent};
use roost_schemas::output::Frame;
use roost_schemas::reply::Reply;

use crate::samples;

/// Reads `bytes` as everything that arrives from outside.
fn read(bytes: &[u8]) -> usize {
    let read = [
        Commit::<SandboxEvent>::decode(bytes).is_ok(),
        Commit::<TemplateEvent>::decode(bytes).is_ok(),
        Commit::<HostEvent>::decode(bytes).is_ok(),
        SandboxCommand::decode(ContentType::MessagePack, bytes).is_ok(),
        SandboxCommand::decode(ContentType::Json, bytes).is_ok(),
        Frame::decode(bytes).is_ok(),
        Reply::decode(bytes).is_ok(),
    ];
    read.iter().filter(|ok| **ok).count()
}

/// A golden value with a few bytes changed, taken out or put in: deeper in than noise gets.
fn nearly_good() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3u8);
    (0..samples::all().len(), prop::collection::vec(change, 1..6)).prop_map(|(sample, changes)| {
        let mut bytes = samples::all().swap_remove(sample).bytes;
        for (index, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn noise_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        read(&bytes);
    }

    #[test]
    fn a_damaged_value_is_read_or_refused(bytes in nearly_good()) {
        read(&bytes);
    }
}

#[test]
fn deep_nesting_is_refused_before_the_stack_is_spent() {
    let msgpack_arrays = vec![0x91; 200_000];
    let msgpack_maps = [0x81, 0xa1, b'a'].repeat(60_000);
    // Where a value of any shape is kept until its tag is known.
    let behind_a_field = [b"\x82\xa1a".as_slice(), &msgpack_arrays].concat();
    let json = [br#"{"a":"#.as_slice(), &b"[".repeat(200_000)].concat();
    for bytes in [msgpack_arrays, msgpack_maps, behind_a_field, json] {
        assert_eq!(read(&bytes), 0);
    }
}

#[test]
fn a_length_that_is_not_there_is_not_reserved() {
    let array = b"\xdd\xff\xff\xff\xff";
    let map = b"\xdf\xff\xff\xff\xff";
    let text = b"\xdb\xff\xff\xff\xff";
    let binary = b"\xc6\xff\xff\xff\xff";
    for length in [array, map, text, binary] {
        let events = [b"\x81\xa6events".as_slice(), length].concat();
        let tagged = [b"\x82\xa4type\xa4data\xa4data".as_slice(), length].concat();
        for bytes in [length.as_slice(), &events, &tagged] {
            assert_eq!(read(bytes), 0);
        }
    }
}
